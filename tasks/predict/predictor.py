"""A checkpoint in use: images of any source in, what the model finds in each out.

Usage:
    for prediction in Predictor("outputs/demo/ssdlite/model.safetensors")("photos/"):
        print(prediction.name, prediction.boxes, prediction.labels, prediction.scores)
"""

import logging
import os
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from data.batches import stack_images
from data.classes import find_classes
from data.dealing import ALONE, Share
from data.errors import InputError
from data.resizing import resize_image
from data.sizes import MOST_PIXELS as MOST_SIZE
from data.sizes import Size, to_size
from data.streams.sources import Read, Source, check_array, open_source
from data.streams.tiling import Tile, cut_tiles
from tasks.hardware import choose_device
from tasks.inference.loading import load
from tasks.predict.config import check_share
from tasks.predict.job import NO_PIXELS, Job, View, admit, drain
from tasks.predict.prefetch import Budget, run_ahead
from tasks.task import find_task

if TYPE_CHECKING:
    from tasks.parts import Prediction

logger = logging.getLogger(__name__)

MOST_WHOLE = 25_000_000  # pixels of an image for a network that does not shrink it: it takes 100 bytes each and more
MOST_IN_FLIGHT = 2**27  # pixels of all images that are read and not done: 400 MB
MOST_PIXELS = 2**22  # in one batch: the scores of a segmenter are many times as large


def warn(error: InputError) -> None:
    """Log what could not be read."""
    logger.warning("%s", error)


def check_count(value: int, name: str) -> None:
    """Check an integer that is at least one.

    Raises:
        InputError: naming it.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InputError(f"{name}: {value!r}; expected an integer from 1")


class Predictor:
    """A checkpoint, ready to predict.

    Args:
        checkpoint: path of a `.ckpt` or `.safetensors`, or "coco", "voc".
        threshold: lowest score of a detection or a class, for all classes; by default the checkpoint's own of each
            class, or .5; of a classifier of one class an image 0, so that each image has one.
        classes: names of those that are kept; all by default.
        tile: N or (height, width), pixels: images larger than this are predicted in tiles of it.
        overlap: share of a tile's side that neighbours have in common, at least.
        batch_size: images, or tiles, that go through the network at once.
        size: of the network's input, in pixels: N or (height, width); by default the checkpoint's.
        accelerator: "auto", "cpu", "gpu" or "mps".
        max_pixels: larger images and videos are refused by their headers, before they are decoded.

    Attributes:
        description: of the model: its classes, architecture, preprocessing.

    Raises:
        InputError: naming what is wrong.
    """

    def __init__(
        self,
        checkpoint: str | Path,
        *,
        threshold: float | None = None,
        classes: Collection[str] | None = None,
        tile: int | Size | None = None,
        overlap: float = 0.2,
        batch_size: int = 8,
        size: int | Size | None = None,
        accelerator: str = "auto",
        max_pixels: int = MOST_SIZE,
    ) -> None:
        check_count(batch_size, "batch_size")
        check_count(max_pixels, "max_pixels")
        self.max_pixels = max_pixels
        self.tile = None if tile is None else to_size(tile, "tile")
        self.overlap = check_share(overlap, "overlap")
        self.batch_size = batch_size
        self.device = choose_device(accelerator)
        own = None if size is None else to_size(size, "size")
        self.model = load(Path(checkpoint), size=own).to(self.device)
        self.description = self.model.description
        self.task = find_task(self.description.arch.head)
        self.classes = classes
        find_classes(self.description.classes, classes)
        self.threshold = self._choose_threshold(threshold)

    @property
    def class_names(self) -> list[str]:
        """Names of the classes that are kept."""
        names = self.description.classes.names
        return [names[index] for index in find_classes(self.description.classes, self.classes)]

    def __call__(
        self,
        source: Source,
        *,
        every: int = 1,
        report: Callable[[InputError], None] = warn,
        share: Share = ALONE,
    ) -> Generator["Prediction"]:
        """Predict for one image after the other, in the order of the source; nothing is kept.

        Args:
            source: path of an image, video or folder, a pattern, the number of a camera, an image (H, W, 3) uint8 RGB,
                or an iterable of such images, or of what reads them, `data.streams.sources.Read`.
            every: N takes each Nth frame of a video.
            report: told of each image that cannot be read; the others go on.
            share: of several processes, each of which predicts its own groups of files, see
                `data.streams.sources.open_source`; what it finds is what one process finds.

        Raises:
            InputError: if there is nothing to read.
        """
        check_count(every, "every")
        if isinstance(source, np.ndarray):
            check_array(source, "given")  # at once: the caller waits for this one
        most, together = self._choose_most_pixels(), self.batch_size
        return self._predict(open_source(source, every=every, most_pixels=most, together=together, share=share), report)

    def _choose_most_pixels(self) -> int:
        """Return the pixels of the largest image that is read; unasked fewer, where the network looks at it whole."""
        whole = self.description.preprocessing.size is None and self.tile is None
        return MOST_WHOLE if whole and self.max_pixels == MOST_SIZE else self.max_pixels

    def _predict(self, reads: Iterable[Read], report: Callable[[InputError], None]) -> Generator["Prediction"]:
        workers, budget = min(4, os.cpu_count() or 1), Budget(MOST_IN_FLIGHT)
        prepared = run_ahead(
            admit(reads, budget, together=self.batch_size), self._prepare, ahead=self.batch_size, workers=workers
        )
        with closing(prepared), budget:
            for batch in self._batches(prepared):
                outputs = self._run_each(batch)
                while batch:  # nothing of an image is kept once it is done
                    view, output = batch.pop(0), outputs.pop(0)
                    found = view.job.take(view, output, classes=self.classes)
                    if isinstance(found, InputError):
                        report(found)
                    elif found is not None:
                        yield found
                    pixels = view.job.read.pixels if view.last else 0
                    del view, output, found
                    budget.give_back(pixels)

    def _prepare(self, read: Read | None) -> deque[View] | Iterator[View]:
        """Read an image and cut it into what the network takes; one of many parts is cut when they are needed."""
        if read is None:
            return deque()
        job = Job(read)
        views = self._cut_views(job)
        first = list(islice(views, self.batch_size))
        return deque(first) if first[-1].last else chain(drain(deque(first)), views)

    def _cut_views(self, job: Job) -> Iterator[View]:
        """Read an image and give its parts; where that fails, one part without pixels."""
        tile = Tile(0, 0, 0, 0)
        try:
            frame = job.read()
            tiles = self._cut((frame.image.shape[0], frame.image.shape[1]))
            job.assembly = self.task.parts.assemble(frame, self.description, threshold=self.threshold)
            settings = self.description.preprocessing
            for tile in tiles:
                crop = frame.image[tile.top : tile.bottom, tile.left : tile.right]
                image = resize_image(crop, settings.size, rule=settings.resize)
                yield View(job, tile, image, tile is tiles[-1])
        except Exception as error:
            job.fail(error)
            yield View(job, tile, NO_PIXELS, last=True)

    def _cut(self, size: Size) -> list[Tile]:
        """Return the tiles of an image; a detector looks at it whole too, as its largest objects fit into no tile."""
        whole = Tile(0, 0, *size)
        tiles = [whole] if self.tile is None else cut_tiles(size, self.tile, overlap=self.overlap)
        return [whole, *tiles] if self.task.looks_whole and len(tiles) > 1 else tiles

    def _batches(self, prepared: Iterable[Future[deque[View] | Iterator[View]]]) -> Iterator[list[View]]:
        """Gather views of one size, of one image or several, up to where no batch may go on."""
        batch: list[View] = []
        for future in prepared:
            views = future.result()
            if batch and isinstance(views, deque) and not views:
                yield batch
                batch = []
            for view in drain(views) if isinstance(views, deque) else views:
                if batch and not self._fits(batch, view):
                    yield batch
                    batch = []
                batch.append(view)
                del view
        if batch:
            yield batch

    def _fits(self, batch: list[View], view: View) -> bool:
        image = view.image
        pixels = (len(batch) + 1) * image.shape[0] * image.shape[1]
        return len(batch) < self.batch_size and batch[0].image.shape == image.shape and pixels <= MOST_PIXELS

    def _run_each(self, batch: list[View]) -> list[object]:
        """Run the model on all views at once, or where that fails on one after the other, so that one alone fails."""
        if batch[0].image is NO_PIXELS:
            return [None] * len(batch)
        try:
            return list(self._run([view.image for view in batch]))
        except Exception as error:
            if len(batch) > 1:
                return [output for view in batch for output in self._run_each([view])]
            batch[0].job.fail(error)
            return [None]

    @torch.inference_mode()
    def _run(self, images: list[np.ndarray]) -> Sequence[object]:
        """Run the model: what its assembly takes, for each input."""
        return self.task.parts.infer(self.model, stack_images(images).to(self.device))

    def _choose_threshold(self, threshold: float | None) -> float | tuple[float, ...]:
        if threshold is None:
            return self.description.thresholds or self.task.parts.usual_threshold(self.description.arch)
        if not self.task.scores:
            raise InputError(
                f"threshold: {threshold}; {self.description.arch.head} gives {self.task.finds}; leave it out"
            )
        return check_share(threshold, "threshold", most=1.0)
