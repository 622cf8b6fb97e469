"""COCO detection: folders of images and JSON files of boxes (Lin et al., arXiv:1405.0312), where people have them."""

from pathlib import Path

import numpy as np

from data.classes import ClassTable
from data.findings import Finding, Report
from data.formats.coco_json import parse_boxes, parse_classes, parse_images, read_lists
from data.labels import BoxList, Labels
from data.splits import Part

# Where the annotations of a split are, and which folders its images may be in: the one where the first image is.
ANNOTATIONS = (
    "annotations/instances_{split}.json",  # cocodataset.org, CVAT
    "{split}/_annotations.coco.json",  # Roboflow
    "annotations/{split}.json",
    "{split}.json",
)
IMAGES = ("{split}", "images/{split}", "{split}/images", "images", ".")
PROBED = 20  # images that a folder is recognised by


def read_coco(root: Path, part: Part, *, annotations: str | None, report: Report) -> Labels:
    """Read one split of a COCO tree.

    Args:
        root: folder of the data set.
        part: which split.
        annotations: its JSON file, relative to `root`; None: where `ANNOTATIONS` says.
        report: takes what is wrong.

    Raises:
        InputError: if there is no such file, it is no COCO, or `report` refuses what is wrong.
    """
    path = root / annotations if annotations else find_annotations(root, part)
    lists = read_lists(path)
    classes = parse_classes(lists["categories"], path=path, report=report)
    images = parse_images(lists["images"], path=path, report=report)
    labels = {category_id: index for index, category_id in enumerate(classes.ids)}
    boxes = parse_boxes(lists["annotations"], path=path, image_ids=images.ids, labels=labels, report=report)
    classes, boxes = leave_out_group(classes, boxes, path=path, report=report)
    note_ids(classes, path=path, report=report)
    return Labels(
        source=path,
        folder=find_folder(root, part, path, images.names[:PROBED].tolist()),
        classes=classes,
        images=images,
        boxes=boxes,
        place=lambda name, number: f"annotation id {number} of {name}",
        numbered=True,
    )


def find_annotations(root: Path, part: Part) -> Path:
    """Return the JSON file of a split.

    Raises:
        InputError: naming where it was looked for, and the JSON files that there are.
    """
    places = [root / place.format(split=name) for name in part.names for place in ANNOTATIONS]
    for path in places:
        if path.is_file():
            return path
    there = sorted(str(path.relative_to(root)) for folder in (".", "*") for path in root.glob(f"{folder}/*.json"))
    wanted = ", ".join(str(path.relative_to(root)) for path in places)
    raise part.missing(root, f"{wanted}, or dataset.annotations.{part.role}=FILE (JSON files there: {there[:8]})")


def find_folder(root: Path, part: Part, annotations: Path, names: list[str]) -> Path:
    """Return the folder that the file names are relative to; the first of those that are usual if no image is there."""
    folders = [root / place.format(split=name) for name in part.names for place in IMAGES] + [annotations.parent]
    return next((folder for folder in folders if any((folder / name).is_file() for name in names)), folders[0])


def leave_out_group(classes: ClassTable, boxes: BoxList, *, path: Path, report: Report) -> tuple[ClassTable, BoxList]:
    """Leave out the category that stands for all others: the supercategory of each, without boxes, as Roboflow adds."""
    used = np.bincount(boxes.labels, minlength=len(classes))
    for index, name in enumerate(classes.names):
        others = {group for i, group in enumerate(classes.categories) if i != index}
        if others == {name} and not used[index]:
            found = f"{name!r} (id {classes.ids[index]}) has no boxes and is the supercategory of all others: left out"
            report(Finding("note", "category of categories", f"{path}: categories", found, "nothing to mend"))
            kept = np.delete(np.arange(len(classes)), index)
            table = ClassTable.create(*([c[i] for i in kept] for c in (classes.names, classes.ids)))
            order = np.searchsorted(kept, boxes.labels)
            return table, BoxList(boxes.ids, boxes.rows, order, boxes.boxes_xywh, boxes.areas, boxes.crowd)
    return classes, boxes


def note_ids(classes: ClassTable, *, path: Path, report: Report) -> None:
    """Report ids that other programs may not take: 0, and numbers left out between the first and the last."""
    where, cure = f"{path}: categories[].id", "nothing to mend here; other programs may want 1 to K"
    if 0 in classes.ids:
        report(Finding("note", "category id 0", where, f"{classes.names[classes.ids.index(0)]!r} has id 0", cure))
    first, last = classes.ids[0], classes.ids[-1]
    if last - first >= len(classes):
        report(Finding("note", "category ids with gaps", where, f"{len(classes)} ids from {first} to {last}", cure))
