"""What every data set offers to training, evaluation and the doctor, whatever the format of its files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np

from data.classes import ClassTable
from data.image_files import ImageFiles
from data.samples import ClassificationSample, DetectionSample, SegmentationSample
from data.sizes import Size


@dataclass(frozen=True)
class Tally:
    """How much there is of each class.

    Attributes:
        unit: what is counted: "boxes", "labels" or "pixels".
        shown: what the amounts are, in words: "share of the pixels of up to 24 masks".
        amounts: (K,) of each class.
        form: that an amount is written in, such as "{:.1%}".
        complete: whether every label was counted, so that a class of 0 has none.
    """

    unit: str
    shown: str
    amounts: np.ndarray
    form: str
    complete: bool


class Cache(Protocol):
    """Keeps the pixels of a reader's samples."""

    def get(self, index: int, reader: "Reader") -> list[np.ndarray]:
        """Return the arrays of one sample, which cannot be written to; the reader gives them the first time."""


class Reader(Protocol):
    """N images with their labels."""

    @property
    def classes(self) -> ClassTable:
        """The K classes."""

    @property
    def files(self) -> ImageFiles:
        """The encoded images."""

    @property
    def image_paths(self) -> np.ndarray:
        """(N,) strings."""

    @property
    def pixel_sizes(self) -> np.ndarray:
        """(N, 2) int64, height and width in pixels of the images as they are decoded."""

    @property
    def channels(self) -> tuple[int, ...]:
        """Of the arrays of a sample: an image has 3, a mask 1."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> ClassificationSample | DetectionSample | SegmentationSample: ...

    def read_pixels(self, index: int) -> tuple[np.ndarray, ...]:
        """Read the arrays of one sample, (H, W, 3) or (H, W) uint8, from their files."""

    def subset(self, indices: Sequence[int]) -> Self:
        """Return a reader of these images alone, in this order, which keeps no pixels."""

    def pixel_origin(self, index: int) -> tuple[list[Path], str]:
        """Return the files that these arrays are read from, and what else decides them."""

    def cached(self, cache: "Cache | None" = None) -> Self:
        """Return a reader of the same samples that keeps their pixels once read, by default in memory."""

    def tally(self) -> Tally:
        """Count the labels of each class."""

    def fingerprint(self) -> dict[str, Any]:
        """Describe the images and labels as plain values, see `data.fingerprint`."""

    def stamp_labels(self, *, deep: bool) -> list[str]:
        """Return for each image what changes with its labels; with `deep` files are read whole."""


class BoxReader(Reader, Protocol):
    """N images with boxes."""

    def __getitem__(self, index: int) -> DetectionSample: ...

    def make_sample(self, index: int, image: np.ndarray) -> DetectionSample:
        """Return the sample of these pixels."""

    @property
    def image_ids(self) -> np.ndarray:
        """(N,) int64, as the files have them."""

    @property
    def names(self) -> np.ndarray:
        """(N,) strings, the images' files relative to `folder`."""

    @property
    def sizes(self) -> np.ndarray:
        """(N, 2) int64, height and width in pixels of the whole images."""

    @property
    def upright(self) -> np.ndarray:
        """(N,) bool, whether these and the boxes are of the upright picture, else of the raw pixels."""

    @property
    def numbered(self) -> bool:
        """Whether the files name classes by their ids, see `data.labels.Labels`."""

    @property
    def source(self) -> Path:
        """The file, or the folder of files, that the labels were read from."""

    @property
    def folder(self) -> Path:
        """Of the images."""

    @property
    def boxes(self) -> tuple[np.ndarray, ...]:
        """What the M good boxes say: positions of their images, labels, boxes_xywh (M, 4), areas, crowd."""

    def boxes_at(self, size: Size) -> tuple[np.ndarray, np.ndarray]:
        """Return all boxes but crowds (M, 4), xyxy, of images resized to `size`, and their class indices (M,)."""

    def count_boxes(self) -> np.ndarray:
        """Return how many boxes each class has, those of crowds left out: (K,) int64."""

    def ground_truth(self) -> dict[str, list[dict[str, Any]]]:
        """Return what COCOeval compares detections with."""


class MaskReader(Reader, Protocol):
    """N images with masks."""

    def __getitem__(self, index: int) -> SegmentationSample: ...

    def make_sample(self, index: int, image: np.ndarray, mask: np.ndarray) -> SegmentationSample:
        """Return the sample of these pixels."""

    @property
    def upright(self) -> np.ndarray:
        """(N,) bool, whether the masks are of the upright pictures, else of the raw pixels."""

    @property
    def mask_paths(self) -> np.ndarray:
        """(N,) strings."""

    @property
    def names(self) -> np.ndarray:
        """(N,) strings, unique, good as the stems of files."""

    def read_mask(self, index: int) -> np.ndarray:
        """Read a mask (H, W) uint8, class indices or IGNORE."""


class LabelReader(Reader, Protocol):
    """N images with the classes that they show."""

    def __getitem__(self, index: int) -> ClassificationSample: ...

    @property
    def multilabel(self) -> bool:
        """Whether an image may show several classes, or none."""

    @property
    def names(self) -> np.ndarray:
        """(N,) strings, unique, the images' files relative to the folder of their split."""

    @property
    def labels(self) -> tuple[np.ndarray, np.ndarray]:
        """How many classes each image shows (N,) int64, and the class indices (M,) int64 of one after the other."""

    @property
    def presence(self) -> np.ndarray:
        """(N, K) bool: which image shows which class."""
