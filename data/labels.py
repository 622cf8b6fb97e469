"""What the files say of one split, whatever their format: classes, images, their labels, boxes or masks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from pathlib import Path
from typing import Self

import numpy as np

from data.classes import ClassTable
from data.findings import Finding, Report
from data.image_files import FolderFiles, ImageFiles
from data.image_headers import describe_size
from data.sizes import Size


@dataclass(frozen=True)
class Packed:
    """N images whose headers were read, and compared with their labels, when shards were made of them.

    Attributes:
        files: the images.
        sizes: (N, 2) int64, height and width in pixels, as their labels have them.
        upright: (N,) bool, whether these are of the upright picture, else of the raw pixels.
        masks: where there are any.
    """

    files: ImageFiles
    sizes: np.ndarray
    upright: np.ndarray
    masks: ImageFiles | None = None

    def take(self, keep: np.ndarray) -> "Packed":
        """Return the images that a mask (N,) selects."""
        masks = None if self.masks is None else self.masks.take(keep)
        return Packed(self.files.take(keep), self.sizes[keep], self.upright[keep], masks)

    def find_usable(self, *, most_pixels: int, report: Report) -> np.ndarray:
        """Tell which images are not too large, (N,) bool, and report those that are."""
        large = self.sizes.prod(axis=1) > most_pixels
        for index in np.flatnonzero(large).tolist():
            found = f"size is {describe_size(tuple(self.sizes[index].tolist()))}"
            cure = f"expected at most {most_pixels / 1e6:g} megapixels"
            report(Finding("error", "size of an image", self.files.path(index), found, cure))
        return ~large


@dataclass(frozen=True)
class ImageList:
    """N images.

    Attributes:
        ids: (N,) int64, unique.
        names: (N,) strings, paths relative to the folder of images.
        sizes: N times (height, width) in pixels, None where the labels do not say.
    """

    ids: np.ndarray
    names: np.ndarray
    sizes: list[Size | None]

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def number(cls, names: list[str]) -> "ImageList":
        """Return images that have neither ids nor sizes in their labels: their ids are their positions, from 0."""
        return cls(np.arange(len(names)), np.array(names, dtype=str), [None] * len(names))


@dataclass(frozen=True)
class BoxList:
    """M boxes, as the files hold them: bad ones too.

    Attributes:
        ids: (M,) int64, what a box is found by in its file: annotation id, line or number; used in messages alone.
        rows: (M,) int64, positions of their images in the list of images.
        labels: (M,) int64, class indices 0 to K - 1.
        boxes_xywh: (M, 4) float64, left, top, width and height in pixels, or in shares of the image's sides where the
            labels are relative; all infinite if one in the file is not finite, all NaN where there are no four numbers.
        areas: (M,) float64, square pixels; NaN where the file does not say.
        crowd: (M,) bool; neither a positive nor background.
    """

    ids: np.ndarray
    rows: np.ndarray
    labels: np.ndarray
    boxes_xywh: np.ndarray
    areas: np.ndarray
    crowd: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def create(
        cls, rows: list[int], ids: list[int], labels: list[int], boxes_xywh: list[list[float]], *, crowd: list[bool]
    ) -> "BoxList":
        """Pack boxes whose areas no file says."""
        boxes = np.array(boxes_xywh, dtype=np.float64).reshape(-1, 4)  # (M, 4)
        return cls(
            np.array(ids, dtype=np.int64),
            np.array(rows, dtype=np.int64),
            np.array(labels, dtype=np.int64),
            boxes,
            np.full(len(boxes), np.nan),
            np.array(crowd, dtype=bool),
        )

    @classmethod
    def join(cls, lists: Sequence["BoxList"], counts: Sequence[int]) -> "BoxList":
        """Return the boxes of several lists of images, of `counts` images each, behind one another."""
        starts = np.cumsum([0, *counts[:-1]])  # (L,) of L lists
        return cls(
            np.concatenate([each.ids for each in lists]),
            np.concatenate([each.rows + start for each, start in zip(lists, starts, strict=True)]),
            np.concatenate([each.labels for each in lists]),
            np.concatenate([each.boxes_xywh for each in lists]),
            np.concatenate([each.areas for each in lists]),
            np.concatenate([each.crowd for each in lists]),
        )

    def take(self, index: np.ndarray) -> "BoxList":
        """Return the boxes that a mask or an array of positions selects, in its order."""
        return BoxList(
            self.ids[index],
            self.rows[index],
            self.labels[index],
            self.boxes_xywh[index],
            self.areas[index],
            self.crowd[index],
        )


@dataclass(frozen=True)
class Labels:
    """The labels of one split.

    Attributes:
        source: the file, or the folder of files, that they were read from.
        folder: that the names of the images are relative to.
        classes: the K classes.
        images: the N images; those without boxes too.
        boxes: the M boxes.
        place: says where a box stands, for messages: from the name of its image and its id.
        relative: whether boxes are shares of the sides of their image.
        numbered: whether the files themselves name classes by the ids of `classes`, as COCO's do; elsewhere classes are
            known by their names, and ids are their positions.
        packed: the images where they are in shards.
    """

    source: Path
    folder: Path
    classes: ClassTable
    images: ImageList
    boxes: BoxList
    place: Callable[[str, int], str]
    relative: bool = False
    numbered: bool = False
    packed: Packed | None = None

    @property
    def files(self) -> ImageFiles:
        """The images."""
        return FolderFiles(self.folder, self.images.names) if self.packed is None else self.packed.files

    def take_images(self, keep: np.ndarray) -> "Labels":
        """Return the images that a mask (N,) selects, with their boxes."""
        if keep.all():
            return self
        sizes = [size for size, kept in zip(self.images.sizes, keep.tolist(), strict=True) if kept]
        images = ImageList(self.images.ids[keep], self.images.names[keep], sizes)
        boxes = self.boxes.take(keep[self.boxes.rows])
        rows = np.cumsum(keep) - 1  # (N,) new positions
        packed = None if self.packed is None else self.packed.take(keep)
        return replace(self, images=images, boxes=replace(boxes, rows=rows[boxes.rows]), packed=packed)

    def take_classes(self, classes: ClassTable) -> "Labels":
        """Return the same labels as indices of another table, which knows all their classes.

        Raises:
            InputError: naming the classes that it does not know, or knows under other ids than the files use.
        """
        classes.require(self.classes, source=str(self.source), by_id=self.numbered)
        order = np.array([classes.names.index(name) for name in self.classes.names], dtype=np.int64)  # (K,)
        return replace(self, classes=classes, boxes=replace(self.boxes, labels=order[self.boxes.labels]))


@dataclass(frozen=True)
class LabeledImages:
    """The images of one split, and the classes that each shows.

    Attributes:
        source: the file, or the folder of files, that the labels were read from.
        folder: that the names of the images are relative to.
        classes: the K classes.
        names: N strings, unique.
        rows: (M,) int64, positions of the images that M labels are of; sorted.
        labels: (M,) int64, class indices 0 to K - 1.
        packed: the images where they are in shards.
    """

    source: Path
    folder: Path
    classes: ClassTable
    names: list[str]
    rows: np.ndarray
    labels: np.ndarray
    packed: Packed | None = None

    @property
    def files(self) -> ImageFiles:
        """The images."""
        return FolderFiles(self.folder, np.array(self.names, dtype=str)) if self.packed is None else self.packed.files

    @classmethod
    def create(cls, source: Path, folder: Path, classes: ClassTable, images: list[tuple[str, list[int]]]) -> Self:
        """Pack images, each a name and the class indices that it shows."""
        counts = [len(labels) for _, labels in images]
        return cls(
            source,
            folder,
            classes,
            [name for name, _ in images],
            np.repeat(np.arange(len(images)), counts),
            np.array([label for _, labels in images for label in labels], dtype=np.int64),
        )

    def take(self, keep: np.ndarray) -> "LabeledImages":
        """Return the images that a mask (N,) selects."""
        if keep.all():
            return self
        own, places = keep[self.rows], np.cumsum(keep) - 1  # (N,) new positions
        names = list(compress(self.names, keep.tolist()))
        packed = None if self.packed is None else self.packed.take(keep)
        return replace(self, names=names, rows=places[self.rows[own]], labels=self.labels[own], packed=packed)

    def take_classes(self, classes: ClassTable) -> "LabeledImages":
        """Return the same labels as indices of another table, which knows all their classes by name.

        Raises:
            InputError: naming the classes that it does not know.
        """
        classes.require(self.classes, source=str(self.source), by_id=False)
        order = np.array([classes.names.index(name) for name in self.classes.names], dtype=np.int64)  # (K,)
        return replace(self, classes=classes, labels=order[self.labels])


@dataclass(frozen=True)
class MaskFiles:
    """The images and masks of one split.

    Attributes:
        folder: that the images were looked for in, for messages.
        classes: the K classes.
        images: N paths, which exist; none where they are in shards.
        masks: the path of each image's mask, which may not exist; none likewise.
        names: N strings, good as the stems of files; to be unique.
        read: reads a mask, (H, W) uint8, class indices or IGNORE; raises a fault where it cannot, or the mask holds
            what is neither.
        coding: tells apart two ways to read the same masks by the same code.
        color_coded: whether masks hold colours.
        packed: the images and masks where they are in shards.
    """

    folder: Path
    classes: ClassTable
    images: list[Path]
    masks: list[Path]
    names: list[str]
    read: Callable[..., np.ndarray]
    coding: str = ""
    color_coded: bool = False
    packed: Packed | None = None

    @property
    def files(self) -> tuple[ImageFiles, ImageFiles]:
        """The images, and their masks."""
        if self.packed is None or self.packed.masks is None:
            return FolderFiles.list_paths(self.images), FolderFiles.list_paths(self.masks)
        return self.packed.files, self.packed.masks

    def take(self, keep: Sequence[bool]) -> "MaskFiles":
        """Return the images that are to be kept."""
        images, masks = list(compress(self.images, keep)), list(compress(self.masks, keep))
        packed = None if self.packed is None else self.packed.take(np.array(keep, dtype=bool))
        return replace(self, images=images, masks=masks, names=list(compress(self.names, keep)), packed=packed)
