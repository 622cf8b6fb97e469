"""The encoded images, or masks, of samples in shards."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data.bounded.content import Content
from data.config import GB
from data.errors import InputError
from data.image_files import HASH_LENGTH
from data.shards.store import ShardStore
from data.shuffling import BLOCKS

MOST_AHEAD = 256  # samples
LEAST_SHARDS = 8  # that the cache must hold: those in use, of all processes, and those that are fetched ahead
BYTES = HASH_LENGTH // 2  # of a hash that are kept


class ShardFiles:
    """Where N images stand in shards; packed arrays, which processes share.

    Args:
        store: of the shards.
        folder: that the images' paths begin with.
        names: (N,) strings, unique, relative to it.
        shards: (N,) int32, the shard of each.
        offsets: (N,) int64, where it begins there.
        lengths: (N,) int64, its bytes.
        hashes: (N, 16) uint8, the beginning of their SHA-256.
    """

    def __init__(
        self,
        store: ShardStore,
        folder: str,
        names: np.ndarray,
        *,
        shards: np.ndarray,
        offsets: np.ndarray,
        lengths: np.ndarray,
        hashes: np.ndarray,
    ) -> None:
        self._store, self._folder, self._names = store, folder, names
        self._shards, self._offsets, self._lengths, self._hashes = shards, offsets, lengths, hashes

    @property
    def ahead(self) -> int:
        """How many samples before its turn an image should be asked for: as many as are in a shard, at most."""
        return min(MOST_AHEAD, self.count_each()) if self._store.count_fetched() else 0

    def count_each(self) -> int:
        """Return how many samples a shard has, as a mean, from 1."""
        return max(1, len(self._names) // max(1, len(self._store.shards)))

    @property
    def count(self) -> int:
        """N."""
        return len(self._names)

    @property
    def paths(self) -> np.ndarray:
        """(N,) strings, unique."""
        return np.array([self._join(name) for name in self._names.tolist()], dtype=str)

    def path(self, index: int) -> str:
        """Return one of these."""
        return self._join(str(self._names[index]))

    def open(self, index: int) -> Content:
        """Return the content of an image.

        Raises:
            InputError: a fault, if its shard is missing or damaged.
            RunError: if the storage does not answer.
        """
        place = int(self._shards[index]), int(self._offsets[index]), int(self._lengths[index])
        return Content(self._store.read(*place), self.path(index))

    def prepare(self, index: int) -> None:
        """Begin to fetch the shard of an image."""
        self._store.want(int(self._shards[index]))

    def origin(self, index: int) -> tuple[list[Path], str]:
        """Return no file, and which part of which shard it is: hashes of shards are compared, those of images not."""
        shard = self._store.shards[int(self._shards[index])]
        return [], f"{shard.sha256} {self._offsets[index]} {self._lengths[index]} "

    def measure(self) -> tuple[list[int], list[int]]:
        """Return the size in bytes of each image; nobody knows its time."""
        return self._lengths.tolist(), [0] * len(self._names)

    def hash_all(self) -> list[str]:
        """Return the beginning of the hash of each image's content, as the index has it."""
        return [row.tobytes().hex() for row in self._hashes]

    def take(self, order: np.ndarray) -> "ShardFiles":
        """Return those that a mask or an array of positions selects, in its order."""
        return ShardFiles(
            self._store,
            self._folder,
            self._names[order],
            shards=self._shards[order],
            offsets=self._offsets[order],
            lengths=self._lengths[order],
            hashes=self._hashes[order],
        )

    def beside(
        self, names: np.ndarray, *, offsets: np.ndarray, lengths: np.ndarray, hashes: np.ndarray
    ) -> "ShardFiles":
        """Return what stands beside the images in the same shards, such as their masks."""
        return ShardFiles(
            self._store,
            self._folder,
            names,
            shards=self._shards,
            offsets=offsets,
            lengths=lengths,
            hashes=hashes,
        )

    @classmethod
    def join(cls, parts: Sequence["ShardFiles"]) -> "ShardFiles":
        """Return those of several splits, behind one another."""
        firsts = np.cumsum([0, *(len(part._store.shards) for part in parts[:-1])])
        return cls(
            ShardStore.join([part._store for part in parts]),
            "",
            np.concatenate([part.paths for part in parts]),
            shards=np.concatenate([part._shards + first for part, first in zip(parts, firsts, strict=True)]),
            offsets=np.concatenate([part._offsets for part in parts]),
            lengths=np.concatenate([part._lengths for part in parts]),
            hashes=np.concatenate([part._hashes for part in parts]),
        )

    def check_shuffle(self, block: int | None) -> None:
        """Check that the cache holds all shards that training reads at a time in this order.

        Raises:
            InputError: if it would fetch each of them again and again.
        """
        whole = self._store.count_fetched()
        if whole <= self._store.most:
            return
        each, room = self.count_each(), f"dataset.shards_gb={self._store.most / GB:g}"
        if block is None:
            raise InputError(
                f"{room}: the shards take {whole / GB:.1f} GB, and in an order that mixes all images each would be "
                f"fetched again and again; expected as many GB, or dataset.shuffle_block={each}"
            )
        largest = max(shard.bytes for shard in self._store.shards)
        needed = (2 * BLOCKS * (1 + -(-block // each)) + LEAST_SHARDS) * largest  # two windows: the next is fetched
        if needed > self._store.most:
            raise InputError(
                f"{room}: dataset.shuffle_block={block} mixes images of up to {needed / GB:.1f} GB of shards; "
                f"expected as many, or smaller blocks"
            )

    def _join(self, name: str) -> str:
        return f"{self._folder}/{name}" if self._folder else name
