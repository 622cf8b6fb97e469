"""From a data set's configuration to its reader: which formats there are, of boxes, masks and labels of images."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from data.boxes import BoxDataset
from data.classes import ClassTable
from data.config import DatasetConfig
from data.errors import InputError
from data.findings import Report, refuse
from data.formats.cityscapes import read_cityscapes
from data.formats.class_folders import read_folders
from data.formats.coco import read_coco
from data.formats.imagenet import read_imagenet
from data.formats.label_csv import read_table
from data.formats.masks import read_masks
from data.formats.stream import read_box_shards, read_label_shards, read_mask_shards
from data.formats.voc import read_voc
from data.formats.yolo import read_yolo
from data.image_labels import LabelDataset
from data.joining import check_shared
from data.labels import LabeledImages, Labels, MaskFiles
from data.masks import MaskDataset
from data.splits import Part, Role
from data.storage import check_place, is_remote
from data.synthetic.objects import write_objects
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


def check_shards(config: DatasetConfig) -> None:
    """Check where shards are to be, and that their images are to be decoded whole.

    Raises:
        InputError: if there is no such folder, the storage cannot be asked, or images are to be decoded at a part of
            their size, which only a look at each of them would tell.
    """
    if config.least_side is not None:
        raise InputError(f"dataset.least_side: {config.least_side}; expected null, as shards are decoded whole")
    if is_remote(config.root):
        check_place(config.root, "dataset.root")
    else:
        find_root(config)


def read_coco_labels(config: DatasetConfig, part: Part, report: Report) -> Labels:
    """Read a COCO tree."""
    return read_coco(find_root(config), part, report=report)


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
    return read_coco(draw_synthetic(config) / "coco", part, report=report)


def read_cityscapes_files(config: DatasetConfig, part: Part, classes: ClassTable | None) -> MaskFiles:
    """Find root/leftImg8bit/SPLIT and root/gtFine/SPLIT."""
    return read_cityscapes(Path(config.root), part)


def read_mask_files(config: DatasetConfig, part: Part, classes: ClassTable | None) -> MaskFiles:
    """Find folders of images and masks."""
    return read_masks(
        find_root(config),
        part,
        names=config.names,
        palette=config.palette,
        ignore=config.ignore,
        classes=classes,
        most_pixels=config.max_pixels,
    )


def read_synthetic_files(config: DatasetConfig, part: Part, classes: ClassTable | None) -> MaskFiles:
    """Find the Cityscapes tree of the synthetic set."""
    if config.least_side is not None:
        raise InputError(f"dataset.least_side: {config.least_side}; expected null, as masks are decoded whole")
    return read_cityscapes(draw_synthetic(config) / "cityscapes", part)


def read_folder_images(config: DatasetConfig, part: Part, report: Report) -> LabeledImages:
    """Find one folder a class."""
    return read_folders(find_root(config), part, names=config.names, report=report)


def read_imagenet_images(config: DatasetConfig, part: Part, report: Report) -> LabeledImages:
    """Find ImageNet's tree."""
    return read_imagenet(find_root(config), part, report=report)


def read_csv_images(config: DatasetConfig, part: Part, report: Report) -> LabeledImages:
    """Read a table of files and labels."""
    return read_table(find_root(config), part, names=config.names, multilabel=config.multilabel, report=report)


def read_synthetic_images(config: DatasetConfig, part: Part, report: Report) -> LabeledImages:
    """Find the objects of the synthetic set."""
    if config.least_side is not None:
        raise InputError(f"dataset.least_side: {config.least_side}; expected null, as small images are decoded whole")
    return read_folders(write_objects(draw_synthetic(config)), part, names=None, report=report)


def read_streamed_labels(config: DatasetConfig, part: Part, report: Report) -> Labels:
    """Read the index of shards of boxes."""
    check_shards(config)
    return read_box_shards(config, part)


def read_streamed_files(config: DatasetConfig, part: Part, classes: ClassTable | None) -> MaskFiles:
    """Read the index of shards of masks."""
    check_shards(config)
    return read_mask_shards(config, part)


def read_streamed_images(config: DatasetConfig, part: Part, report: Report) -> LabeledImages:
    """Read the index of shards of labels."""
    check_shards(config)
    return read_label_shards(config, part)


BOX_FORMATS: dict[str, Callable[[DatasetConfig, Part, Report], Labels]] = {
    "coco": read_coco_labels,
    "stream": read_streamed_labels,
    "synthetic": read_synthetic_labels,
    "voc": read_voc_labels,
    "yolo": read_yolo_labels,
}
MASK_FORMATS: dict[str, Callable[[DatasetConfig, Part, ClassTable | None], MaskFiles]] = {
    "cityscapes": read_cityscapes_files,
    "masks": read_mask_files,
    "stream": read_streamed_files,
    "synthetic": read_synthetic_files,
}
LABEL_FORMATS: dict[str, Callable[[DatasetConfig, Part, Report], LabeledImages]] = {
    "csv": read_csv_images,
    "folder": read_folder_images,
    "imagenet": read_imagenet_images,
    "stream": read_streamed_images,
    "synthetic": read_synthetic_images,
}


def read_labels(config: DatasetConfig, part: Part, *, report: Report = refuse) -> Labels:
    """Read the labels of a split of boxes, without a look at its images.

    Args:
        config: of the data set.
        part: which split, and which share of it.
        report: takes what is wrong in the files; what it lets pass is left out.

    Raises:
        InputError: if nothing can be read, or `report` refuses what is wrong.
    """
    labels = BOX_FORMATS[config.name](config, part, report)
    return labels.take_images(np.array(part.select(labels.images.names.tolist()), dtype=bool))


def open_boxes(
    config: DatasetConfig, role: Role, *, classes: ClassTable | None = None, report: Report = refuse
) -> BoxDataset:
    """Open the images of a data set with their boxes.

    Each split is checked by itself, so that a finding names its files; then several are joined.

    Args:
        config: of the data set, whose format is one of `BOX_FORMATS`.
        role: whether those to train on or those to be evaluated on.
        classes: that the data must agree with, such as a checkpoint's; None: those of the first split.
        report: takes what is wrong in the files; what it lets pass is left out.

    Raises:
        InputError: if nothing can be read, or `report` refuses what is wrong.
    """
    readers: list[BoxDataset] = []
    parts = config.parts(role)
    for part in parts:
        reader = BoxDataset(
            read_labels(config, part, report=report),
            classes=classes,
            least_side=config.least_side,
            most_pixels=config.max_pixels,
            may_be_empty=role == "val",
            report=report,
        )
        readers.append(reader)
        classes = reader.classes
    check_shared([part.split for part in parts], readers, report=report)
    return BoxDataset.join(readers)


def open_masks(
    config: DatasetConfig, role: Role, *, classes: ClassTable | None = None, report: Report = refuse
) -> MaskDataset:
    """Open the images of a data set with their masks; as `open_boxes`, for one of `MASK_FORMATS`."""
    read, parts = MASK_FORMATS[config.name], config.parts(role)
    splits = [part.split for part in parts]
    if classes is None and len(parts) > 1:  # what masks hold is known before they are read one by one
        classes, *others = (read(config, part, None).classes for part in parts)
        for split, found in zip(splits[1:], others, strict=True):
            classes.require(found, source=f"dataset.train: the split {split!r}", by_id=False)
    readers = []
    for part in parts:
        files = read(config, part, classes)
        if classes is not None:
            classes.require(files.classes, source=f"dataset {config.name} in {config.root}")
        if len(parts) > 1:  # frames are often numbered in each split by itself
            prefix = part.split.replace("/", "_")
            files = replace(files, names=[f"{prefix}_{name}" for name in files.names])
        readers.append(MaskDataset(files, most_pixels=config.max_pixels, report=report))
    check_shared(splits, readers, report=report)
    return MaskDataset.join(readers)


def select_images(images: LabeledImages, part: Part, *, multilabel: bool) -> np.ndarray:
    """Tell for each image whether it belongs to a part of its split: (N,) bool.

    The share is that of each class, so that one with few images is in both parts; of images with several labels it is
    that of them all.

    Raises:
        InputError: naming the class that has too few images.
    """
    if part.share is None or multilabel:
        return np.array(part.select(images.names), dtype=bool)
    keep = np.zeros(len(images.names), dtype=bool)
    for label, name in enumerate(images.classes.names):
        own = images.rows[images.labels == label]
        if not len(own):
            continue
        try:
            keep[own] = part.select([images.names[row] for row in own])
        except InputError as error:
            raise InputError(f"{error} of the class {name!r}") from error
    return keep


def open_labels(
    config: DatasetConfig, role: Role, *, classes: ClassTable | None = None, report: Report = refuse
) -> LabelDataset:
    """Open the images of a data set with their labels; as `open_boxes`, for one of `LABEL_FORMATS`."""
    readers: list[LabelDataset] = []
    parts = config.parts(role)
    for part in parts:
        images = LABEL_FORMATS[config.name](config, part, report)
        reader = LabelDataset(
            images.take(select_images(images, part, multilabel=config.multilabel)),
            classes=classes,
            multilabel=config.multilabel,
            most_pixels=config.max_pixels,
            report=report,
        )
        readers.append(reader)
        classes = reader.classes
    splits = [part.split for part in parts]
    check_shared(splits, readers, report=report)
    return LabelDataset.join(readers, splits)
