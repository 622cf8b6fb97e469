"""From a dataset's configuration to its reader: which tasks a data set serves, and where its files are."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from data.boxes import BoxDataset
from data.classes import ClassTable
from data.config import DatasetConfig
from data.errors import InputError
from data.findings import Report, refuse
from data.formats.cityscapes import CityscapesDataset
from data.formats.coco import read_coco
from data.formats.mask_classes import choose_coding
from data.formats.masks import MaskFolderDataset, find_pairs
from data.formats.voc import read_voc
from data.formats.yolo import read_yolo
from data.labels import Labels
from data.splits import Part, Role
from data.synthetic.writing import write_synthetic


def find_root(config: DatasetConfig) -> Path:
    """Return the folder of a data set.

    Raises:
        InputError: if it is missing.
    """
    root = Path(config.root).expanduser()
    if not root.is_dir() and not (config.name == "yolo" and root.is_file()):
        raise InputError(f"dataset.root: {root}: no such folder; expected that of the {config.name} data set")
    return root


def read_coco_labels(config: DatasetConfig, part: Part, report: Report) -> Labels:
    """Read a COCO tree."""
    annotations = (config.annotations or {}).get(part.role if part.share is None else "train")
    return read_coco(find_root(config), part, annotations=annotations, report=report)


def read_yolo_labels(config: DatasetConfig, part: Part, report: Report) -> Labels:
    """Read a YOLO data set."""
    return read_yolo(find_root(config), part, names=config.names, report=report)


def read_voc_labels(config: DatasetConfig, part: Part, report: Report) -> Labels:
    """Read a data set of Pascal VOC's XML files."""
    return read_voc(find_root(config), part, names=config.names, report=report)


def draw_synthetic(config: DatasetConfig) -> Path:
    """Draw the synthetic set unless it is there, and return its folder."""
    scenes = config.scenes or {}
    if set(scenes) != {"train", "val"}:
        raise InputError(f"dataset.scenes: {scenes}; expected numbers for train and val")
    root = Path(config.root)
    write_synthetic(root, train=scenes["train"], val=scenes["val"])
    return root


def read_synthetic_labels(config: DatasetConfig, part: Part, report: Report) -> Labels:
    """Read the COCO tree of the synthetic set."""
    return read_coco(draw_synthetic(config) / "coco", part, annotations=None, report=report)


def open_cityscapes(config: DatasetConfig, part: Part, classes: ClassTable | None, report: Report) -> CityscapesDataset:
    """Open root/leftImg8bit/SPLIT and root/gtFine/SPLIT."""
    return CityscapesDataset(Path(config.root), part, report=report)


def open_masks(config: DatasetConfig, part: Part, classes: ClassTable | None, report: Report) -> MaskFolderDataset:
    """Open folders of images and masks."""
    root = find_root(config)
    pairs = find_pairs(root, part)
    coding = choose_coding(
        root,
        [mask for _, mask in pairs],
        names=config.names,
        palette=config.palette,
        ignore=config.ignore,
        classes=classes,
    )
    return MaskFolderDataset(pairs, coding, report=report)


def open_synthetic(config: DatasetConfig, part: Part, classes: ClassTable | None, report: Report) -> CityscapesDataset:
    """Open the Cityscapes tree of the synthetic set."""
    if config.least_side is not None:
        raise InputError(f"dataset.least_side: {config.least_side}; expected null, as masks are decoded whole")
    return CityscapesDataset(draw_synthetic(config) / "cityscapes", part, report=report)


LABELS: dict[str, Callable[[DatasetConfig, Part, Report], Labels]] = {
    "coco": read_coco_labels,
    "synthetic": read_synthetic_labels,
    "voc": read_voc_labels,
    "yolo": read_yolo_labels,
}
MASKS: dict[str, Callable[[DatasetConfig, Part, ClassTable | None, Report], Any]] = {
    "cityscapes": open_cityscapes,
    "masks": open_masks,
    "synthetic": open_synthetic,
}
FORMATS: dict[str, dict[str, Any]] = {"detection": LABELS, "segmentation": MASKS}


def check_serves(name: str, kind: str) -> None:
    """Check that a data set has what tasks of `kind` learn from.

    Raises:
        InputError: naming the data sets that do.
    """
    if name not in FORMATS[kind]:
        fitting = [
            task for task, other in (("ssdlite", "detection"), ("lraspp", "segmentation")) if name in FORMATS[other]
        ]
        hint = f", or task={fitting[0]}" if fitting else ""
        choices = ", ".join(sorted(FORMATS[kind]))
        raise InputError(f"dataset={name} does not serve {kind}; choose from {choices}{hint}")


def read_labels(config: DatasetConfig, role: Role, *, report: Report = refuse) -> Labels:
    """Read the labels of a data set of boxes, without a look at its images.

    Args:
        config: of the data set.
        role: whether those to train on or those to be evaluated on.
        report: takes what is wrong in the files; what it lets pass is left out.

    Raises:
        InputError: if nothing can be read, or `report` refuses what is wrong.
    """
    part = config.part(role)
    labels = LABELS[config.name](config, part, report)
    return labels.take_images(np.array(part.select(labels.images.names.tolist()), dtype=bool))


def open_reader(
    kind: str, config: DatasetConfig, role: Role, *, classes: ClassTable | None = None, report: Report = refuse
) -> Any:
    """Open the images of a data set with what a task of `kind` ("detection" or "segmentation") learns from.

    Args:
        kind: of the task.
        config: of the data set.
        role: whether those to train on or those to be evaluated on.
        classes: that the data must agree with, such as a checkpoint's.
        report: takes what is wrong in the files; what it lets pass is left out.

    Raises:
        InputError: if the task cannot use this data set, or `report` refuses what is wrong.
    """
    check_serves(config.name, kind)
    if kind == "detection":
        labels = read_labels(config, role, report=report)
        return BoxDataset(labels, classes=classes, least_side=config.least_side, report=report)
    reader = MASKS[config.name](config, config.part(role), classes, report)
    if classes is not None:
        classes.require(reader.classes, source=f"dataset {config.name} in {config.root}")
    return reader
