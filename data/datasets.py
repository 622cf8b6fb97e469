"""From a dataset's configuration to its reader: which tasks a data set serves, and where its files are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.cache import CACHES
from data.cityscapes import CityscapesDataset
from data.classes import ClassTable
from data.coco import CocoDataset
from data.errors import InputError
from data.masks import MaskFolderDataset
from data.synthetic import write_synthetic


@dataclass(frozen=True)
class DatasetConfig:
    """What conf/dataset/*.yaml holds.

    Attributes:
        name: which reader: "coco", "cityscapes", "masks" or "synthetic".
        root: folder of the data set.
        train: name of the split to train on.
        val: name of the split to evaluate on.
        workers: processes that load data; None for as many as there are cores, at most 8.
        crop: (height, width) that segmenters train on by default.
        names: of the classes, where the files do not say ("masks").
        scenes: number of scenes to draw, by split ("synthetic").
        least_side: pixels that both sides of a training image keep where its JPEG file is decoded at a part of its
            size; None: it is decoded whole. For boxes.
        cache: whether training keeps decoded images: "none" or "memory", see `data.cache`.

    Raises:
        ValueError: if there is no such cache, or the least side is below 1.
    """

    name: str
    root: str
    train: str
    val: str
    workers: int | None = None
    crop: Sequence[int] | None = None
    names: Sequence[str] | None = None
    scenes: dict[str, int] | None = None
    least_side: int | None = None
    cache: str = "none"

    def __post_init__(self) -> None:
        if self.cache not in CACHES:
            raise ValueError(f"cache: unknown {self.cache!r}; choose from {', '.join(CACHES)}")
        if self.least_side is not None and not (type(self.least_side) is int and self.least_side >= 1):
            raise ValueError(f"least_side: {self.least_side!r}; expected a whole number from 1, or null")


def open_coco(root: Path, config: DatasetConfig, *, split: str, classes: ClassTable | None) -> CocoDataset:
    """Open one split of a COCO tree."""
    annotations = root / "annotations" / f"instances_{split}.json"
    return CocoDataset(root / split, annotations, classes=classes, least_side=config.least_side)


def read_coco(config: DatasetConfig, split: str, classes: ClassTable | None) -> CocoDataset:
    """Open root/SPLIT and root/annotations/instances_SPLIT.json."""
    return open_coco(Path(config.root), config, split=split, classes=classes)


def read_cityscapes(config: DatasetConfig, split: str, classes: ClassTable | None) -> CityscapesDataset:
    """Open root/leftImg8bit/SPLIT and root/gtFine/SPLIT."""
    return CityscapesDataset(Path(config.root), split)


def read_masks(config: DatasetConfig, split: str, classes: ClassTable | None) -> MaskFolderDataset:
    """Open root/images/SPLIT and root/masks/SPLIT."""
    names = config.names or (classes.names if classes else None)
    if not names:
        raise InputError("dataset.names: none given; expected the class names in the order of the masks' values")
    return MaskFolderDataset(Path(config.root), split, names=names)


def draw_synthetic(config: DatasetConfig) -> Path:
    """Draw the synthetic set unless it is there, and return its folder."""
    scenes = config.scenes or {}
    if set(scenes) != {"train", "val"}:
        raise InputError(f"dataset.scenes: {scenes}; expected numbers for train and val")
    root = Path(config.root)
    write_synthetic(root, train=scenes["train"], val=scenes["val"])
    return root


def read_synthetic_boxes(config: DatasetConfig, split: str, classes: ClassTable | None) -> CocoDataset:
    """Open the COCO tree of the synthetic set."""
    return open_coco(draw_synthetic(config) / "coco", config, split=split, classes=classes)


def read_synthetic_masks(config: DatasetConfig, split: str, classes: ClassTable | None) -> CityscapesDataset:
    """Open the Cityscapes tree of the synthetic set."""
    if config.least_side is not None:
        raise InputError(f"dataset.least_side: {config.least_side}; expected null, as masks are decoded whole")
    return CityscapesDataset(draw_synthetic(config) / "cityscapes", split)


OpenReader = Callable[[DatasetConfig, str, ClassTable | None], Any]
READERS: dict[str, dict[str, OpenReader]] = {
    "detection": {"coco": read_coco, "synthetic": read_synthetic_boxes},
    "segmentation": {"cityscapes": read_cityscapes, "masks": read_masks, "synthetic": read_synthetic_masks},
}


def check_serves(name: str, kind: str) -> None:
    """Check that a data set has what tasks of `kind` learn from.

    Raises:
        InputError: naming the data sets that do.
    """
    if name not in READERS[kind]:
        raise InputError(f"dataset={name} does not serve {kind}; choose from {', '.join(sorted(READERS[kind]))}")


def open_reader(kind: str, config: DatasetConfig, *, split: str, classes: ClassTable | None = None) -> Any:
    """Open one split of a data set for a task of `kind` ("detection" or "segmentation").

    Args:
        kind: of the task.
        config: of the data set.
        split: its name.
        classes: that the data must agree with, such as a checkpoint's.

    Raises:
        InputError: if the task cannot use this data set, or something is wrong with its files.
    """
    check_serves(config.name, kind)
    reader = READERS[kind][config.name](config, split, classes)
    if classes is not None:
        classes.require(reader.classes, source=f"dataset {config.name} in {config.root}")
    return reader
