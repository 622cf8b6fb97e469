"""COCO detection: folders of images and JSON files of boxes (Lin et al., arXiv:1405.0312), where people have them."""

from pathlib import Path

from data.classes import ClassTable
from data.findings import Finding, Report
from data.formats.coco_boxes import parse_boxes
from data.formats.coco_json import parse_classes, parse_images, read_lists, to_integer
from data.formats.placing import choose_folder, place_images
from data.labels import Labels
from data.splits import Part

# Where the annotations of a split are, and which folders its images may be in: the one where the first image is.
ANNOTATIONS = (
    "annotations/instances_{split}.json",  # cocodataset.org, CVAT
    "{split}/_annotations.coco.json",  # Roboflow
    "{split}/labels.json",  # FiftyOne
    "{split}/annotations/instances.json",  # Supervisely
    "annotations/{split}.json",
    "{split}.json",
)
IMAGES = ("{split}", "images/{split}", "{split}/images", "{split}/data", "images", "images/default", "data", ".")
NOT_COCO = ("notes.json", "data.json", "classes.json", "info.json")  # that exports have beside it
PROBED = 20  # images that a folder is recognised by


def read_coco(root: Path, part: Part, *, report: Report) -> Labels:
    """Read one split of a COCO tree.

    Args:
        root: folder of the data set.
        part: which split; its JSON file is looked for where `ANNOTATIONS` says, unless it names one.
        report: takes what is wrong.

    Raises:
        InputError: if there is no such file, it is no COCO, or `report` refuses what is wrong.
    """
    path = root / part.annotations if part.annotations else find_annotations(root, part)
    lists = read_lists(path)
    entries = [entry for entry in lists["annotations"] if isinstance(entry, dict)]
    used = {to_integer(entry.get("category_id")) for entry in entries}
    classes = parse_classes(lists["categories"], used=used, path=path, report=report)
    images = parse_images(lists["images"], path=path, report=report)
    folder = choose_folder(images.names[:PROBED].tolist(), list_folders(root, part, path))
    images = place_images(images, folder, source=path, report=report)
    labels = {category_id: index for index, category_id in enumerate(classes.ids)}
    boxes = parse_boxes(lists["annotations"], path=path, image_ids=images.ids, labels=labels, report=report)
    note_ids(classes, path=path, report=report)
    return Labels(
        source=path,
        folder=folder,
        classes=classes,
        images=images,
        boxes=boxes,
        place=lambda name, number: f"annotation id {number} of {name}",
        numbered=True,
    )


def find_annotations(root: Path, part: Part) -> Path:
    """Return the JSON file of a split; the only one of a data set of which a share is evaluated on.

    Raises:
        InputError: naming where it was looked for, and the JSON files that there are.
    """
    places = [root / place.format(split=name) for name in part.names for place in ANNOTATIONS]
    for path in places:
        if path.is_file():
            return path
    files = sorted(path for folder in (".", "*") for path in root.glob(f"{folder}/*.json"))
    alone = [path for path in files if path.name not in NOT_COCO]
    if len(alone) == 1 and part.share is not None:
        return alone[0]
    there = [str(path.relative_to(root)) for path in files]
    wanted = ", ".join(str(path.relative_to(root)) for path in places)
    expected = f"{wanted}, or dataset.annotations.{part.role}=FILE (JSON files there: {there[:8]})"
    raise part.missing(root, expected, one_split=len(alone) == 1)


def list_folders(root: Path, part: Part, annotations: Path) -> list[Path]:
    """Return the folders that file names may be relative to, the likeliest first."""
    usual = [root / place.format(split=name) for name in part.names for place in IMAGES]
    beside = annotations.parent
    above = [beside.parent / "images"] if beside != root else []  # Supervisely, of a data set of another name
    return [*usual, beside, beside / "images", beside / "data", *above]


def note_ids(classes: ClassTable, *, path: Path, report: Report) -> None:
    """Report ids that other programs may not take: 0, and numbers left out between the first and the last."""
    where, cure = f"{path}: categories[].id", "nothing to fix here; other programs may expect 1 to K"
    if 0 in classes.ids:
        report(Finding("note", "category id 0", where, f"{classes.names[classes.ids.index(0)]!r} has id 0", cure))
    first, last = classes.ids[0], classes.ids[-1]
    if last - first >= len(classes):
        report(Finding("note", "category ids with gaps", where, f"{len(classes)} ids from {first} to {last}", cure))
