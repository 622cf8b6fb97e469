"""Images with the classes that they show, of whatever format: what classifiers are trained and evaluated on."""

import hashlib
from collections.abc import Sequence
from copy import copy
from itertools import repeat
from pathlib import Path
from typing import Any, Self

import numpy as np

from data.cache import PixelCache
from data.classes import ClassTable
from data.findings import Report, refuse
from data.fingerprint import HASHED, describe
from data.folders import join_names, report_left_out
from data.image_files import HASH_LENGTH, ImageFiles
from data.image_headers import Header
from data.images import inspect_image, load_image
from data.labels import LabeledImages
from data.readers import Cache, Tally
from data.reading import read_all
from data.samples import ClassificationSample
from data.sizes import MOST_PIXELS


class LabelDataset:
    """The images of a split, or of several, with the classes that each shows.

    Attributes:
        classes: the K classes of the labels, or the table that was asked for.
        multilabel: whether an image may show several classes, or none.
        files: the encoded images.
        names: (N,) strings, unique, the images' files relative to the folder of their split.
        pixel_sizes: (N, 2) int64, height and width in pixels.
        channels: of an image.
    """

    channels = (3,)

    def __init__(
        self,
        images: LabeledImages,
        *,
        classes: ClassTable | None = None,
        multilabel: bool = False,
        most_pixels: int = MOST_PIXELS,
        report: Report = refuse,
    ) -> None:
        """Check the images' headers; pixels are read one image at a time.

        Args:
            images: what the files say.
            classes: those of a model or a training set, which must know all of the labels'; their order is used.
            multilabel: see above.
            most_pixels: of an image; a larger one cannot be used.
            report: takes what is wrong; images that cannot be used are left out where it lets them pass.

        Raises:
            InputError: if there is a class that `classes` has not, or `report` refuses what is wrong.
        """
        if classes is not None:
            images = images.take_classes(classes)
        images, self.pixel_sizes = check_headers(images, most_pixels=most_pixels, report=report)
        self.classes, self.multilabel = images.classes, multilabel
        self.names = np.array(images.names, dtype=str)
        self.files: ImageFiles = images.files
        self._labels = images.labels
        counts = np.bincount(images.rows, minlength=len(images.names))
        self._offsets = np.concatenate([[0], np.cumsum(counts)])  # image i has labels offsets[i] to offsets[i + 1]
        self._most_pixels = most_pixels
        self._cache: Cache | None = None

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> ClassificationSample:
        """Read one image.

        Raises:
            InputError: if the file is truncated.
        """
        index = range(len(self))[index]
        (image,) = self.read_pixels(index) if self._cache is None else self._cache.get(index, self)
        target = np.zeros(len(self.classes), dtype=bool)
        target[self._labels[self._offsets[index] : self._offsets[index + 1]]] = True
        return ClassificationSample(image, target, str(self.names[index]))

    def read_pixels(self, index: int) -> tuple[np.ndarray]:
        """Read the image (H, W, 3) uint8, turned upright."""
        height, width = self.pixel_sizes[index].tolist()
        return (load_image(self.files.open(index), size=(height, width), most_pixels=self._most_pixels),)

    def pixel_origin(self, index: int) -> tuple[list[Path], str]:
        """Return the file that the image is read from; nothing else decides its pixels."""
        return self.files.origin(index)

    @property
    def image_paths(self) -> np.ndarray:
        """The (N,) paths of the images, as strings."""
        return self.files.paths

    @property
    def labels(self) -> tuple[np.ndarray, np.ndarray]:
        """How many classes each image shows (N,) int64, and the class indices (M,) int64 of one after the other."""
        return np.diff(self._offsets), self._labels

    @property
    def presence(self) -> np.ndarray:
        """Which image shows which class: (N, K) bool."""
        found = np.zeros((len(self), len(self.classes)), dtype=bool)
        found[np.repeat(np.arange(len(self)), np.diff(self._offsets)), self._labels] = True
        return found

    def tally(self) -> Tally:
        """Count the images of each class."""
        return Tally("labels", "labels", np.bincount(self._labels, minlength=len(self.classes)), "{:d}", complete=True)

    def fingerprint(self) -> dict[str, Any]:
        """Describe the images and their labels as plain values, see `data.fingerprint`."""
        described = describe(self.classes, self.files, self.pixel_sizes, labels=self._dump())
        return {**described, "boxes": None, "hashed": f"{HASHED}, and its labels"}

    def stamp_labels(self, *, deep: bool) -> list[str]:
        """Return a hash of the labels of each image, which are read in any case."""
        return [hashlib.sha256(labels).hexdigest()[:HASH_LENGTH] for labels in self._dump()]

    def subset(self, indices: Sequence[int]) -> Self:
        """Return a reader of these images alone, in this order, which keeps no pixels."""
        order = np.asarray(indices, dtype=np.int64)
        part, labels = copy(self), np.split(self._labels, self._offsets[1:-1])
        part.files, part.names = self.files.take(order), self.names[order]
        part.pixel_sizes, part._cache = self.pixel_sizes[order], None
        part._labels = np.concatenate([self._labels[:0], *(labels[index] for index in order)])
        part._offsets = np.concatenate([[0], np.cumsum(np.diff(self._offsets)[order])])
        return part

    @classmethod
    def join(cls, readers: Sequence[Self], splits: Sequence[str]) -> Self:
        """Return one reader of the images of several splits, in their order; names begin with their split's.

        Args:
            readers: one or more, each of one split, of the same classes; none keeps pixels.
            splits: their names.
        """
        if len(readers) == 1:
            return readers[0]
        whole, counts = copy(readers[0]), [np.diff(reader._offsets) for reader in readers]
        whole.files = type(whole.files).join([reader.files for reader in readers])
        named = zip(splits, readers, strict=True)
        whole.names = np.array([f"{split}/{name}" for split, reader in named for name in reader.names.tolist()])
        whole.pixel_sizes = np.concatenate([reader.pixel_sizes for reader in readers])
        whole._labels = np.concatenate([reader._labels for reader in readers])
        whole._offsets = np.concatenate([[0], np.cumsum(np.concatenate(counts))])
        return whole

    def cached(self, cache: Cache | None = None) -> Self:
        """Return a reader of the same samples that keeps their pixels once read, by default in memory."""
        other = copy(self)
        other._cache = cache or PixelCache(self.pixel_sizes, self.channels)
        return other

    def _dump(self) -> list[bytes]:
        """Return the labels of each image as bytes, in any order the same."""
        return [np.sort(labels).tobytes() for labels in np.split(self._labels, self._offsets[1:-1])]


def check_headers(images: LabeledImages, *, most_pixels: int, report: Report) -> tuple[LabeledImages, np.ndarray]:
    """Check that every file is an image and not too large, by its header, and report files beside them.

    Returns:
        The N images that can be used, and (N, 2) int64, their height and width in pixels, upright.
    """
    if images.packed is not None:
        usable = images.packed.find_usable(most_pixels=most_pixels, report=report)
        return images.take(usable), images.packed.sizes[usable]
    paths, source = join_names(images.folder, images.names), str(images.source)
    report_left_out(paths, source=source, report=report)
    found = read_all(_inspect, paths, repeat(most_pixels), source=f"images of {source}", report=report)
    images = images.take(np.array([header is not None for header in found], dtype=bool))
    sizes = [header.upright for header in found if header is not None]
    return images, np.array(sizes, dtype=np.int64).reshape(-1, 2)


def _inspect(path: str, most_pixels: int) -> Header:
    return inspect_image(path, most_pixels=most_pixels)
