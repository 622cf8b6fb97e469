"""A checkpoint in use: images of any source in, what the model finds in each out.

Usage:
    for prediction in Predictor("outputs/demo/ssdlite/model.safetensors")("photos/"):
        print(prediction.name, prediction.boxes, prediction.labels, prediction.scores)
"""

import logging
import os
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from data.classes import find_classes
from data.errors import InputError
from data.loading import stack_images
from data.resizing import resize_image
from data.sizes import MOST_PIXELS as MOST_SIZE
from data.sizes import Size, to_size
from data.streams.sources import Read, Source, check_array, open_source
from data.streams.tiling import Tile, cut_tiles
from tasks.hardware import choose_device
from tasks.inference.loading import load
from tasks.parts import Assembly
from tasks.predict.config import check_share
from tasks.predict.prefetch import run_ahead
from tasks.task import find_task

if TYPE_CHECKING:
    from tasks.parts import Prediction

logger = logging.getLogger(__name__)

DRAWN_SCORE = 0.5  # lowest score of a detection, where neither caller nor checkpoint says
MOST_WHOLE = 25_000_000  # pixels of an image for a network that does not shrink it: it takes 100 bytes each and more
MOST_PIXELS = 2**22  # in one batch: the scores of a segmenter are many times as large


class View(NamedTuple):
    """An image, or a tile of it, as the network takes it."""

    assembly: Assembly  # of which image
    tile: Tile
    image: np.ndarray  # (h, w, 3)
    last: bool  # of its image


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
        threshold: lowest score of a detection, for all classes; by default the checkpoint's own of each class, or .5.
        classes: names of those that are kept; all by default.
        tile: N or (height, width), pixels: images larger than this are predicted in tiles of it.
        overlap: share of a tile's side that neighbours have in common, at least.
        batch_size: images, or tiles, that go through the network at once.
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
        self.model = load(Path(checkpoint)).to(self.device)
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
        self, source: Source, *, every: int = 1, report: Callable[[InputError], None] = warn
    ) -> Generator["Prediction"]:
        """Predict for one image after the other, in the order of the source; nothing is kept.

        Args:
            source: path of an image, video or folder, a pattern, the number of a camera, an image (H, W, 3) uint8 RGB,
                or an iterable of such images.
            every: N takes each Nth frame of a video.
            report: told of each image that cannot be read; the others go on.

        Raises:
            InputError: if there is nothing to read.
        """
        check_count(every, "every")
        if isinstance(source, np.ndarray):
            check_array(source, "given")  # at once: the caller waits for this one
        return self._predict(open_source(source, every=every, most_pixels=self._choose_most_pixels()), report)

    def _choose_most_pixels(self) -> int:
        """Return the pixels of the largest image that is read; unasked fewer, where the network looks at it whole."""
        whole = self.description.preprocessing.size is None and self.tile is None
        return MOST_WHOLE if whole and self.max_pixels == MOST_SIZE else self.max_pixels

    def _predict(self, reads: Iterable[Read], report: Callable[[InputError], None]) -> Generator["Prediction"]:
        workers = min(4, os.cpu_count() or 1)
        prepared = run_ahead(reads, self._prepare, ahead=self.batch_size, workers=workers)
        for batch in self._batches(prepared, report):
            for view, output in zip(batch, self._run([view.image for view in batch]), strict=True):
                view.assembly.add(view.tile, output)
                if view.last:
                    yield view.assembly.finish(classes=self.classes)

    def _prepare(self, read: Read) -> list[View]:
        """Read an image and cut it into what the network takes."""
        frame = read()
        tiles = self._cut((frame.image.shape[0], frame.image.shape[1]))
        assembly = self.task.parts.assemble(frame, self.description, threshold=self.threshold)
        crops = (frame.image[tile.top : tile.bottom, tile.left : tile.right] for tile in tiles)
        settings = self.description.preprocessing
        inputs = [resize_image(crop, settings.size, rule=settings.resize) for crop in crops]
        return [View(assembly, tile, image, tile is tiles[-1]) for tile, image in zip(tiles, inputs, strict=True)]

    def _cut(self, size: Size) -> list[Tile]:
        """Return the tiles of an image; a detector looks at it whole too, as its largest objects fit into no tile."""
        whole = Tile(0, 0, *size)
        tiles = [whole] if self.tile is None else cut_tiles(size, self.tile, overlap=self.overlap)
        return [whole, *tiles] if self.task.looks_whole and len(tiles) > 1 else tiles

    def _batches(
        self, prepared: Iterable[Future[list[View]]], report: Callable[[InputError], None]
    ) -> Iterator[list[View]]:
        """Gather views of one size, of one image or several."""
        batch: list[View] = []
        for future in prepared:
            try:
                views = future.result()
            except InputError as error:
                report(error)
                continue
            for view in views:
                if batch and not self._fits(batch, view):
                    yield batch
                    batch = []
                batch.append(view)
        if batch:
            yield batch

    def _fits(self, batch: list[View], view: View) -> bool:
        image = view.image
        pixels = (len(batch) + 1) * image.shape[0] * image.shape[1]
        return len(batch) < self.batch_size and batch[0].image.shape == image.shape and pixels <= MOST_PIXELS

    @torch.inference_mode()
    def _run(self, images: list[np.ndarray]) -> Sequence[object]:
        """Run the model: what its assembly takes, for each input."""
        return self.task.parts.infer(self.model, stack_images(images).to(self.device))

    def _choose_threshold(self, threshold: float | None) -> float | tuple[float, ...]:
        if threshold is None:
            return self.description.thresholds or DRAWN_SCORE
        if not self.task.scores:
            raise InputError(
                f"threshold: {threshold}; {self.description.arch.head} gives {self.task.finds}; leave it out"
            )
        return check_share(threshold, "threshold", most=1.0)
