"""COCO detection: folders of images and JSON files of boxes (Lin et al., arXiv:1405.0312), where people have them."""

import hashlib
from contextlib import suppress
from functools import partial
from pathlib import Path

from data.bounded.content import hash_file
from data.classes import ClassTable
from data.findings import Finding, Report
from data.formats.coco_boxes import parse_boxes
from data.formats.coco_json import MOST_BYTES, parse_classes, parse_images, parse_lists, read_file, to_integer
from data.formats.coco_packed import Packed, Place, from_arrays, pack, to_arrays, unpack
from data.formats.placing import choose_folder, place_images
from data.label_cache import LEAST_BYTES, find_entry, load_entry, save_entry
from data.labels import BoxList, ImageList, Labels
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
KIND = "coco"  # of entries in the cache
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
    packed = load_packed(path)
    place = partial(place_in_folder, root=root, part=part, path=path, report=report)
    read = read_entries if packed is None else partial(unpack, packed)
    classes, folder, images, boxes = read(path=path, place=place, report=report)
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


def load_packed(path: Path) -> Packed | None:
    """Return what a COCO file says, a large one from the cache if it is there; None where it is to be read by entries.

    Raises:
        InputError: if the file is missing, too large, or cannot be read.
    """
    if not path.is_file() or not LEAST_BYTES <= path.stat().st_size <= MOST_BYTES:
        return pack(read_file(path))
    with suppress(OSError, ValueError):  # `read_file` says what is wrong
        kept = load_entry(find_entry(KIND, hash_file(path)))
        packed = None if kept is None else from_arrays(kept)
        if packed is not None:
            return packed
    content = read_file(path)
    entry, packed = find_entry(KIND, hashlib.sha256(content).hexdigest()), pack(content)
    del content  # as large as all that follows
    if packed is not None:
        save_entry(entry, to_arrays(packed))
    return packed


def read_entries(*, path: Path, place: Place, report: Report) -> tuple[ClassTable, Path, ImageList, BoxList]:
    """Read a COCO file entry by entry, and report what is wrong with each; see `data.formats.coco_packed.unpack`.

    Raises:
        InputError: if it is no COCO, or `report` refuses what is wrong.
    """
    lists = parse_lists(read_file(path), path=path)
    entries = [entry for entry in lists["annotations"] if isinstance(entry, dict)]
    used = {to_integer(entry.get("category_id")) for entry in entries}
    classes = parse_classes(lists["categories"], used=used, path=path, report=report)
    folder, images = place(parse_images(lists["images"], path=path, report=report))
    labels = {category_id: index for index, category_id in enumerate(classes.ids)}
    boxes = parse_boxes(lists["annotations"], path=path, image_ids=images.ids, labels=labels, report=report)
    return classes, folder, images, boxes


def place_in_folder(images: ImageList, *, root: Path, part: Part, path: Path, report: Report) -> tuple[Path, ImageList]:
    """Return the folder of images, and these with the names that their files have there."""
    folder = choose_folder(images.names[:PROBED].tolist(), list_folders(root, part, path))
    return folder, place_images(images, folder, source=path, report=report)


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
