"""Images with masks, of whatever format: what segmenters are trained and evaluated on."""

from collections.abc import Sequence
from copy import copy
from pathlib import Path
from typing import Any, Self

import numpy as np

from data.cache import PixelCache
from data.findings import Report, refuse
from data.fingerprint import HASHED, describe, stamp_files
from data.images import load_image
from data.labels import MaskFiles
from data.mask_checks import check_pairs
from data.readers import Cache, Tally
from data.samples import IGNORE, SegmentationSample, space_evenly
from data.sizes import MOST_PIXELS

SAMPLED = 24  # masks that classes are counted in


class MaskDataset:
    """The images of a split, or of several, with their masks.

    Attributes:
        classes: the K classes.
        files: the encoded images.
        mask_files: the encoded masks.
        names: (N,) strings, unique, good as the stems of files.
        pixel_sizes: (N, 2) int64, height and width in pixels.
        upright: (N,) bool, whether the masks are of the upright pictures, else of the raw pixels.
        channels: of an image and of a mask.
    """

    channels = (3, 1)

    def __init__(self, files: MaskFiles, *, most_pixels: int = MOST_PIXELS, report: Report = refuse) -> None:
        """Check the files; pixels are read, and their values checked, one image at a time.

        Raises:
            InputError: if `report` refuses what is wrong.
        """
        files, self.pixel_sizes, self.upright = check_pairs(files, most_pixels=most_pixels, report=report)
        self.classes = files.classes
        self.files, self.mask_files = files.files
        self.names = np.array(files.names, dtype=str)
        self._reads, self._codings = [files.read], [files.coding]
        self._splits = np.zeros(len(self.names), dtype=np.int64)  # image -> its read and coding
        self._most_pixels = most_pixels
        self._cache: Cache | None = None

    def __len__(self) -> int:
        return len(self.names)

    @property
    def image_paths(self) -> np.ndarray:
        """The (N,) paths of the images, as strings."""
        return self.files.paths

    @property
    def mask_paths(self) -> np.ndarray:
        """The (N,) paths of the masks, likewise."""
        return self.mask_files.paths

    def __getitem__(self, index: int) -> SegmentationSample:
        """Read one image and its mask.

        Raises:
            InputError: if a file is truncated, or the mask holds what is neither a class nor ignored.
        """
        index = range(len(self))[index]
        image, mask = self.read_pixels(index) if self._cache is None else self._cache.get(index, self)
        return self.make_sample(index, image, mask)

    def read_pixels(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Read the image (H, W, 3) and the mask (H, W), both uint8."""
        mask = self.read_mask(index)
        image = load_image(
            self.files.open(index),
            upright=bool(self.upright[index]),
            size=(mask.shape[0], mask.shape[1]),
            most_pixels=self._most_pixels,
        )
        return image, mask

    def read_mask(self, index: int) -> np.ndarray:
        """Read the mask (H, W) uint8, class indices or IGNORE."""
        return self._reads[self._splits[index]](self.mask_files.open(index))

    def pixel_origin(self, index: int) -> tuple[list[Path], str]:
        """Return the files that image and mask are read from, and what else decides their pixels."""
        (images, one), (masks, other) = self.files.origin(index), self.mask_files.origin(index)
        return [*images, *masks], f"{one}{other}{self.upright[index]} {self._codings[self._splits[index]]}"

    def make_sample(self, index: int, image: np.ndarray, mask: np.ndarray) -> SegmentationSample:
        """Return the sample of these pixels."""
        return SegmentationSample(image, mask, str(self.names[index]))

    def tally(self) -> Tally:
        """Measure the share of each class in masks spread over the split.

        Raises:
            InputError: if a mask cannot be read.
        """
        masks = map(self.read_mask, space_evenly(len(self), SAMPLED))
        counts = np.sum([np.bincount(mask.ravel(), minlength=IGNORE + 1) for mask in masks], axis=0)
        known = counts[: len(self.classes)]
        shown, shares = f"share of the pixels of up to {SAMPLED} masks", known / max(1, known.sum())
        return Tally("pixels", shown, shares, "{:.1%}", complete=len(self) <= SAMPLED)

    def fingerprint(self) -> dict[str, Any]:
        """Describe the images and their masks as plain values, see `data.fingerprint`."""
        labels = stamp_files(self.mask_files)
        return {
            **describe(self.classes, self.files, self.pixel_sizes, labels=labels),
            "boxes": None,
            "hashed": f"{HASHED}, and those of its mask",
        }

    def stamp_labels(self, *, deep: bool) -> list[str]:
        """Return the hash of each mask file, or its size and time."""
        if deep:
            return self.mask_files.hash_all()
        return [f"{size} {time}" for size, time in zip(*self.mask_files.measure(), strict=True)]

    def subset(self, indices: Sequence[int]) -> Self:
        """Return a reader of these images alone, in this order, which keeps no pixels."""
        order = np.asarray(indices, dtype=np.int64)
        part = copy(self)
        part.files, part.mask_files = self.files.take(order), self.mask_files.take(order)
        part.names, part._splits = self.names[order], self._splits[order]
        part.pixel_sizes, part.upright, part._cache = self.pixel_sizes[order], self.upright[order], None
        return part

    @classmethod
    def join(cls, readers: Sequence[Self]) -> Self:
        """Return one reader of the images of several, in their order.

        Args:
            readers: one or more, each of one split, of the same classes and of names that are unique in all; none keeps
                pixels.
        """
        if len(readers) == 1:
            return readers[0]
        whole = copy(readers[0])
        whole.files = type(whole.files).join([reader.files for reader in readers])
        whole.mask_files = type(whole.mask_files).join([reader.mask_files for reader in readers])
        whole.names = np.concatenate([reader.names for reader in readers])
        whole.pixel_sizes = np.concatenate([reader.pixel_sizes for reader in readers])
        whole.upright = np.concatenate([reader.upright for reader in readers])
        whole._reads = [read for reader in readers for read in reader._reads]
        whole._codings = [coding for reader in readers for coding in reader._codings]
        whole._splits = np.repeat(np.arange(len(readers)), [len(reader) for reader in readers])
        return whole

    def cached(self, cache: Cache | None = None) -> Self:
        """Return a reader of the same samples that keeps their pixels once read, by default in memory."""
        other = copy(self)
        other._cache = cache or PixelCache(self.pixel_sizes, self.channels)
        return other
