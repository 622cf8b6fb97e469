"""Images with boxes, of whatever format: what detectors are trained and evaluated on."""

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from typing import Any, Self

import numpy as np

from data.box_checks import check_images, keep_good
from data.cache import PixelCache
from data.classes import ClassTable
from data.findings import Report, refuse
from data.fingerprint import HASHED, describe, dump_boxes
from data.ground_truth import to_coco
from data.image_files import HASH_LENGTH, ImageFiles
from data.images import load_image, read_decoded_size
from data.joining import find_common
from data.labels import BoxList, Labels
from data.readers import Cache, Tally
from data.reading import read_all
from data.samples import DetectionSample
from data.sizes import MOST_PIXELS, Size


class BoxDataset:
    """The images of a split, or of several, with their boxes; images without boxes are kept.

    Everything is held in numpy arrays, one for all images, so that worker processes share the memory: touching a list
    of Python objects copies it, page by page, into every worker.

    Attributes:
        classes: the K classes of the labels, or the table that was asked for.
        image_ids: (N,) int64, the ids of the images in the labels' order; of several splits their positions, from 0.
        names: (N,) strings, the images' files relative to `folder`.
        source: the file, or the folder of files, that the labels were read from.
        folder: of the images.
        files: the encoded images.
        sizes: (N, 2) int64, height and width in pixels.
        upright: (N,) bool, whether these are of the upright picture, else of the raw pixels.
        numbered: whether the labels name classes by their ids, see `data.labels.Labels`.
        pixel_sizes: (N, 2) int64, the same of the images as they are decoded; smaller where `least_side` allows it.
        dropped: how many bad boxes of the split were left out, by kind; empty if there are none.
        channels: of an image.
    """

    channels = (3,)

    def __init__(
        self,
        labels: Labels,
        *,
        classes: ClassTable | None = None,
        least_side: int | None = None,
        most_pixels: int = MOST_PIXELS,
        may_be_empty: bool = False,
        report: Report = refuse,
    ) -> None:
        """Check the labels against the headers of their images.

        Args:
            labels: what the label files say.
            classes: the classes of a model or a training set, which must know all of the labels'; their order is used.
            least_side: see `data.images.load_image`.
            most_pixels: of an image; a larger one cannot be used.
            may_be_empty: whether images without any box are what is asked for.
            report: takes what is wrong; images that cannot be used are left out with their boxes where it lets them
                pass, bad boxes always.

        Raises:
            InputError: if the labels have a class that `classes` has not, or `report` refuses what is wrong.
        """
        if classes is not None:
            labels = labels.take_classes(classes)
        labels, self.sizes, self.upright = check_images(labels, most_pixels=most_pixels, report=report)
        self.classes, self.numbered = labels.classes, labels.numbered
        self.image_ids = labels.images.ids
        self.source, self.folder = labels.source, labels.folder
        self.names = labels.images.names
        self.files: ImageFiles = labels.files
        self._least_side, self._most_pixels = least_side, most_pixels
        self.pixel_sizes = self._find_decoded_sizes()
        self._boxes, self._clipped, self.dropped = keep_good(
            labels, self.sizes, may_be_empty=may_be_empty, report=report
        )
        counts = np.bincount(self._boxes.rows, minlength=len(self))
        self._offsets = np.concatenate([[0], np.cumsum(counts)])  # image i owns boxes offsets[i] to offsets[i + 1]
        self._cache: Cache | None = None

    def __len__(self) -> int:
        return len(self.image_ids)

    def __getitem__(self, index: int) -> DetectionSample:
        """Read one image and its boxes, clipped to it.

        Raises:
            InputError: if the image is truncated.
        """
        index = range(len(self))[index]
        (image,) = self.read_pixels(index) if self._cache is None else self._cache.get(index, self)
        return self.make_sample(index, image)

    def read_pixels(self, index: int) -> tuple[np.ndarray]:
        """Read the image (H, W, 3) uint8."""
        height, width = self.sizes[index].tolist()
        image = load_image(
            self.files.open(index),
            upright=bool(self.upright[index]),
            size=(height, width),
            least_side=self._least_side,
            most_pixels=self._most_pixels,
        )
        return (image,)

    def pixel_origin(self, index: int) -> tuple[list[Path], str]:
        """Return the file that the image is read from, and what else decides its pixels."""
        files, rest = self.files.origin(index)
        return files, f"{rest}{self.upright[index]} {self._least_side}"

    def make_sample(self, index: int, image: np.ndarray) -> DetectionSample:
        """Return the sample of these pixels."""
        own = slice(self._offsets[index], self._offsets[index + 1])
        scale = self.pixel_sizes[index, ::-1] / self.sizes[index, ::-1]  # (2,) x, y
        return DetectionSample(
            image,
            (self._clipped[own] * np.tile(scale, 2)).astype(np.float32),
            self._boxes.labels[own].copy(),
            self._boxes.crowd[own].copy(),
            int(self.image_ids[index]),
        )

    def count_boxes(self) -> np.ndarray:
        """Return how many boxes each class has, those of crowds left out: (K,) int64."""
        return np.bincount(self._boxes.labels[~self._boxes.crowd], minlength=len(self.classes))

    def boxes_at(self, size: Size) -> tuple[np.ndarray, np.ndarray]:
        """Return the boxes of all images as they are when each image is resized to `size`, those of crowds left out.

        Args:
            size: (height, width) in pixels.

        Returns:
            (M, 4) float32, xyxy in pixels, and their class indices (M,) int64.
        """
        alone = ~self._boxes.crowd
        scale = np.array(size, dtype=np.float64)[::-1] / self.sizes[self._boxes.rows[alone]][:, ::-1]  # (M, 2) x, y
        return (self._clipped[alone] * np.tile(scale, 2)).astype(np.float32), self._boxes.labels[alone].copy()

    @property
    def image_paths(self) -> np.ndarray:
        """The (N,) paths of the images, as strings."""
        return self.files.paths

    @property
    def boxes(self) -> tuple[np.ndarray, ...]:
        """What the M good boxes say: positions of their images, labels, boxes_xywh (M, 4), areas, crowd."""
        own = self._boxes
        return own.rows, own.labels, own.boxes_xywh, own.areas, own.crowd

    def ground_truth(self) -> dict[str, list[dict[str, Any]]]:
        """Return what COCOeval compares detections with: the files' own boxes and areas, less the bad boxes."""
        return to_coco(self._boxes, image_ids=self.image_ids, names=self.names, sizes=self.sizes, classes=self.classes)

    def tally(self) -> Tally:
        """Count the boxes of each class, those of crowds left out."""
        return Tally("boxes", "boxes", self.count_boxes(), "{:d}", complete=True)

    def fingerprint(self) -> dict[str, Any]:
        """Describe the images and their boxes as plain values, see `data.fingerprint`."""
        labels = dump_boxes(self._boxes, self._offsets)
        return {
            **describe(self.classes, self.files, self.sizes, labels=labels),
            "boxes": len(self._boxes),
            "hashed": f"{HASHED}, and the boxes of each image as read",
        }

    def stamp_labels(self, *, deep: bool) -> list[str]:
        """Return a hash of the boxes of each image, which are read in any case."""
        return [hashlib.sha256(boxes).hexdigest()[:HASH_LENGTH] for boxes in dump_boxes(self._boxes, self._offsets)]

    def subset(self, indices: Sequence[int]) -> Self:
        """Return a reader of these images alone, in this order, which keeps no pixels."""
        order = np.asarray(indices, dtype=np.int64)
        counts = np.diff(self._offsets)[order]
        own = np.concatenate([np.arange(*self._offsets[index : index + 2]) for index in order] or [order])
        boxes = replace(self._boxes.take(own), rows=np.repeat(np.arange(len(order)), counts))
        part = copy(self)
        part.image_ids, part.names, part.files = self.image_ids[order], self.names[order], self.files.take(order)
        part.sizes, part.pixel_sizes = self.sizes[order], self.pixel_sizes[order]
        part.upright, part._cache = self.upright[order], None
        part._boxes, part._clipped = boxes, self._clipped[own]
        part._offsets = np.concatenate([[0], np.cumsum(counts)])
        return part

    @classmethod
    def join(cls, readers: Sequence[Self]) -> Self:
        """Return one reader of the images of several, in their order, which numbers them: files may repeat ids.

        Args:
            readers: one or more, of the same classes, whose images are decoded alike; none keeps pixels.
        """
        if len(readers) == 1:
            return readers[0]
        whole = copy(readers[0])
        whole.folder = find_common([reader.folder for reader in readers])
        whole.source = find_common([reader.source for reader in readers])
        paths = np.concatenate([reader.image_paths for reader in readers]).tolist()
        whole.names = np.array([os.path.relpath(path, whole.folder) for path in paths], dtype=str)
        whole.files = type(whole.files).join([reader.files for reader in readers])
        whole.image_ids = np.arange(len(paths))
        whole.sizes = np.concatenate([reader.sizes for reader in readers])
        whole.pixel_sizes = np.concatenate([reader.pixel_sizes for reader in readers])
        whole.upright = np.concatenate([reader.upright for reader in readers])
        whole._boxes = BoxList.join([reader._boxes for reader in readers], [len(reader) for reader in readers])
        whole._clipped = np.concatenate([reader._clipped for reader in readers])
        whole._offsets = np.concatenate([[0], np.cumsum(np.bincount(whole._boxes.rows, minlength=len(paths)))])
        whole.dropped = dict(sum((Counter(reader.dropped) for reader in readers), Counter()))
        return whole

    def cached(self, cache: Cache | None = None) -> Self:
        """Return a reader of the same samples that keeps their pixels once read, by default in memory."""
        other = copy(self)
        other._cache = cache or PixelCache(self.pixel_sizes, self.channels)
        return other

    def _find_decoded_sizes(self) -> np.ndarray:
        """Return (N, 2) int64, height and width in pixels that the images are decoded at."""
        if self._least_side is None:
            return self.sizes
        columns = (
            map(Path, self.image_paths),
            self.upright.tolist(),
            repeat(self._least_side),
            repeat(self._most_pixels),
        )
        found = read_all(read_decoded_size, *columns, source=str(self.folder))
        return np.array(found, dtype=np.int64).reshape(-1, 2)
