"""From a reader to batches: order, augmentation and size are pure functions of (seed, epoch, index or step).

So the same seed gives the same batches for any number of workers, and no two workers or epochs repeat each other.
"""

import math
import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol, cast

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from data.board import Board
from data.cache import SHARED_MEMORY
from data.config import PATIENCE, count_beside
from data.dealing import ALONE, Share, count_images, deal_batches, deal_images
from data.errors import InputError
from data.readers import Reader as DataSet
from data.shuffling import order_samples
from data.watchdog import WatchedLoader, collate_shared

IN_USE = 2  # batches: the one under way, and the one after it, which tells whether it is the last
QUEUES = 6  # pages of shared memory that a queue takes: its locks and counters
MIB, PAGE = 2**20, 4096  # bytes
FORMS = 1  # spawn key of the random numbers that choose forms: other numbers than those of samples


class Reader(Protocol):
    """What every data set of this package offers."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Any: ...


class Key(NamedTuple):
    """Which sample is taken, and how."""

    epoch: int
    sample: int  # its index in the reader
    form: int = 0  # of the batch that it is in: which of the transforms
    later: int = -1  # index of a sample whose turn comes soon, which is to be prepared; -1: none


class Transformed(Dataset):
    """A reader with a transform, whose random state comes from (seed, epoch, index).

    Args:
        reader: of the samples.
        *forms: the transform; of several, such as for several sizes, all samples of a batch go through the same.
        seed: of what is random.
    """

    def __init__(self, reader: Reader, *forms: Callable[[Any, int], Any], seed: int) -> None:
        self.reader = reader
        self.forms = forms
        self.seed = seed
        self.board = Board(0, self.name)

    def __len__(self) -> int:
        return len(self.reader)

    def name(self, index: int) -> str:
        """Return the file of a sample."""
        return str(cast(DataSet, self.reader).image_paths[index])

    def __getitem__(self, key: Key | tuple[int, int]) -> Any:
        """Return the transformed sample of a key."""
        epoch, sample, form, later = Key(*key)
        if later >= 0:
            cast(DataSet, self.reader).files.prepare(later)
        state = np.random.SeedSequence((self.seed, epoch, sample)).generate_state(1)
        with self.board.at(sample):
            return self.forms[form](self.reader[sample], int(state[0]))


class EpochSampler(Sampler[Key]):
    """Keys of all samples: in a new order for each epoch, or in the reader's own.

    Args:
        length: samples in the reader.
        shuffle: whether each epoch has an order of its own; for training.
        seed: of the order and of the batches' forms.
        block: samples that stay near one another in it, see `data.shuffling`; None mixes all.
        ahead: how many samples, of all processes, before its turn each is to be prepared; 0: never.
        forms: that a batch may have, drawn evenly.
        batch_size: of all processes together; its samples get the same form.
        share: of this process, see `data.dealing`; all samples by default.
    """

    def __init__(
        self,
        length: int,
        *,
        shuffle: bool,
        seed: int,
        block: int | None = None,
        ahead: int = 0,
        forms: int = 1,
        batch_size: int = 1,
        share: Share = ALONE,
    ) -> None:
        self.length = length
        self.shuffle = shuffle
        self.seed = seed
        self.block = block
        self.ahead = ahead
        self.forms = forms
        self.batch_size = batch_size
        self.share = share
        self.epoch = 0
        self.start = 0  # keys of the epoch that are passed over

    def __len__(self) -> int:
        """Return the keys of a whole epoch."""
        return len(self._deal(np.arange(self.length)))

    def go_to(self, epoch: int, start: int) -> None:
        """Choose the order of `epoch`, without its first `start` samples: where a resumed run goes on."""
        self.epoch, self.start = epoch, start

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of `epoch`; Lightning calls this before each, but after the first's iterator is made."""
        if epoch != self.epoch:
            self.go_to(epoch, 0)

    def order(self, epoch: int) -> np.ndarray:
        """Return the indices (N,) of all processes in the order of an epoch."""
        if self.shuffle:
            return order_samples(self.length, seed=self.seed, epoch=epoch, block=self.block)
        return np.arange(self.length)

    def draw_forms(self, epoch: int) -> np.ndarray:
        """Return the form of each batch of an epoch, (B,)."""
        state = np.random.SeedSequence((self.seed, epoch), spawn_key=(FORMS,))
        return np.random.default_rng(state).integers(self.forms, size=math.ceil(self.length / self.batch_size))

    def __iter__(self) -> Iterator[Key]:
        epoch, order, forms = self.epoch, self.order(self.epoch), self.draw_forms(self.epoch)
        own = self._deal(np.arange(self.start, self.length))
        later = np.full(len(own), -1)
        if self.ahead:  # nothing of the next epoch, which may not come
            soon = order[own[math.ceil(self.ahead / self.share.world) :]]
            later[: len(soon)] = soon
        return (
            Key(epoch, int(order[at]), int(forms[at // self.batch_size]), int(wanted))
            for at, wanted in zip(own, later, strict=True)
        )

    def _deal(self, positions: np.ndarray) -> np.ndarray:
        """Return the part of positions in an epoch, from a batch's first on, that is this process's."""
        if self.share.world == 1:
            return positions
        if not self.shuffle:
            return deal_batches(positions, self.batch_size, self.share)
        whole = max(1, self.length // self.batch_size) * self.batch_size  # of the epoch, not of what is left of it
        return deal_images(positions[positions < whole], self.batch_size, self.share)


def build_loader(
    data: Transformed,
    *,
    collate: Callable[[Any], Any],
    batch_size: int,
    shuffle: bool,
    workers: int,
    timeout: float = PATIENCE,
    share: Share = ALONE,
    block: int | None = None,
    ahead: int = 0,
) -> DataLoader:
    """Return a loader of batches.

    Args:
        data: samples by key.
        collate: makes a batch of a list of samples.
        batch_size: images in a batch, of all processes together.
        shuffle: for training: a new order each epoch, and no smaller batch at its end (unless it is the only one).
        workers: processes that decode and transform; 0 does it in this one.
        timeout: seconds to wait for a batch from them.
        share: of this process, where several train or evaluate together.
        block: of the order, see `EpochSampler`.
        ahead: likewise.
    """
    cv2.setNumThreads(0)  # the workers use the cores; and a worker forked while OpenCV has threads may hang
    data.board = Board(workers, data.name)
    return WatchedLoader(
        data,
        board=data.board,
        patience=timeout,
        batch_size=max(1, count_images(len(data), batch_size, share)) if shuffle and share.world > 1 else batch_size,
        sampler=EpochSampler(
            len(data),
            shuffle=shuffle,
            seed=data.seed,
            block=block,
            ahead=ahead if workers else 0,  # a thread of this process would draw on its random numbers
            forms=len(data.forms),
            batch_size=batch_size,
            share=share,
        ),
        drop_last=shuffle and len(data) > batch_size,
        collate_fn=partial(collate_shared, collate=collate),
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=torch.cuda.is_available(),
        generator=torch.Generator(),  # else torch's own random state would depend on the number of processes
    )


def check_shared_memory(loaders: Sequence[DataLoader]) -> None:
    """Check that the batches which processes prepare ahead fit into the memory that they share with this one.

    Raises:
        InputError: if they do not; a process would be ended by a signal, or its batch be lost.
    """
    needed = count_beside() * sum(count_prefetched_bytes(loader) for loader in loaders)
    if not needed or not SHARED_MEMORY.is_dir():
        return
    free = shutil.disk_usage(SHARED_MEMORY).free
    if needed > free:
        workers = loaders[0].num_workers
        raise InputError(
            f"dataset.workers={workers}: the batches that they prepare take {needed / MIB:.1f} MiB, and "
            f"{free / MIB:.1f} MiB are free in {SHARED_MEMORY} (in a container: --shm-size); expected a larger "
            "one, fewer workers (0 needs none), or a smaller batch_size"
        )


def count_prefetched_bytes(loader: DataLoader) -> int:
    """Return the bytes of the batches that wait for this process or are in use, as many as its largest image makes.

    Where batches have several forms, all are counted as the largest.
    """
    if not loader.num_workers:
        return 0
    data: Transformed = loader.dataset  # type: ignore[assignment]
    largest = int(cast(DataSet, data.reader).pixel_sizes.prod(axis=1).argmax())
    try:
        batches = [loader.collate_fn([data[Key(0, largest, form)]]) for form in range(len(data.forms))]
    except InputError:  # an image that cannot be read is named when it is its turn
        return 0
    images = min(loader.batch_size or 1, len(data))
    tensors = [[value for value in batch if isinstance(value, Tensor)] for batch in batches]
    whole = max(sum(images * value.nbytes + PAGE for value in batch) for batch in tensors)
    ahead = loader.num_workers * (loader.prefetch_factor or 1) + IN_USE
    return ahead * whole + QUEUES * (loader.num_workers + 1) * PAGE
