"""Pascal VOC: an XML file of boxes an image (Everingham et al., IJCV 2010), in VOC's folders or beside the images."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data.classes import ClassTable
from data.errors import InputError
from data.findings import Finding, Report
from data.formats.voc_xml import XmlLabels, read_xml
from data.images import find_images
from data.labels import BoxList, ImageList, Labels
from data.reading import read_all
from data.splits import Part

LISTS = "ImageSets/Main/{split}.txt"
FOLDERS = (  # of a split: its images, its XML files
    ("{split}", "{split}"),  # Roboflow, labelImg
    ("{split}/images", "{split}/annotations"),
    ("images/{split}", "annotations/{split}"),
)
WHOLE = (("JPEGImages", "Annotations"), ("images", "annotations"), (".", "."))  # of a data set that is one split


@dataclass(frozen=True)
class Layout:
    """The files of one split.

    Attributes:
        images: folder of the images.
        annotations: folder of the XML files.
        stems: N names of images without their extensions, in order.
        listed: whether a list names them: then each has an XML file, else an image without one has no objects.
    """

    images: Path
    annotations: Path
    stems: list[str]
    listed: bool


def read_voc(root: Path, part: Part, *, names: Sequence[str] | None, report: Report) -> Labels:
    """Read one split of a data set of XML files.

    Args:
        root: its folder; of the challenge's own data that of one year, VOCdevkit/VOC2012.
        part: which split.
        names: of the classes; None: those in all XML files of the data set, sorted.
        report: takes what is wrong.

    Raises:
        InputError: if there is no such split, or `report` refuses what is wrong.
    """
    layout = find_layout(root, part)
    files = index_images(layout)
    paths = [layout.annotations / f"{stem}.xml" for stem in layout.stems]
    there = [path.is_file() for path in paths]
    note_unlabelled(layout, there.count(False), report=report)
    wanted = [path for path, is_there in zip(paths, there, strict=True) if is_there or layout.listed]
    read = dict(zip(wanted, read_all(read_xml, wanted, source=f"labels of {root}", report=report), strict=True))
    known = list(names) if names else find_names(layout, root, [labels for labels in read.values() if labels])
    images: list[tuple[str, XmlLabels | None]] = [
        (files.get(stem, f"{stem}.jpg"), read.get(path))
        for stem, path in zip(layout.stems, paths, strict=True)
        if path not in read or read[path] is not None
    ]
    return Labels(
        source=layout.annotations,
        folder=layout.images,
        classes=ClassTable.create(known, range(len(known))),
        images=ImageList(
            np.arange(len(images)),
            np.array([name for name, _ in images], dtype=str),
            [labels.size if labels else None for _, labels in images],
        ),
        boxes=pack_boxes([labels for _, labels in images], layout, [name for name, _ in images], known, report=report),
        place=lambda name, number: f"{Path(name).stem}.xml, object {number}",
    )


def find_layout(root: Path, part: Part) -> Layout:
    """Find the files of a split.

    A data set that has no splits is taken whole where a share of it is evaluated on.

    Raises:
        InputError: if there is no such split, or it holds no images.
    """
    for split in part.names:
        listing = root / LISTS.format(split=split)
        if listing.is_file():
            stems = [line.split()[0] for line in listing.read_text(encoding="utf-8").splitlines() if line.strip()]
            return check_layout(Layout(root / "JPEGImages", root / "Annotations", stems, listed=True))
        for images, annotations in FOLDERS:
            places = root / images.format(split=split), root / annotations.format(split=split)
            if all(place.is_dir() for place in places):
                return check_layout(list_layout(*places))
    for images, annotations in WHOLE if part.share is not None else ():
        if all((root / place).is_dir() for place in (images, annotations)) and find_xml(root / annotations):
            return check_layout(list_layout(root / images, root / annotations))
    folders = ", ".join(images.format(split=part.split) for images, _ in FOLDERS)
    raise part.missing(root, f"{LISTS.format(split=part.split)} or one of the folders {folders} with XML files")


def find_xml(folder: Path) -> list[Path]:
    """Return the XML files of a folder; hidden ones (macOS "._x.xml") are left out."""
    return sorted(folder.glob("[!.]*.xml"))


def list_layout(images: Path, annotations: Path) -> Layout:
    """Return the layout of two folders: the images that are there, and those that XML files speak of."""
    stems = {path.stem for path in find_images(images)} | {path.stem for path in find_xml(annotations)}
    return Layout(images, annotations, sorted(stems), listed=False)


def check_layout(layout: Layout) -> Layout:
    """Return a layout that has images.

    Raises:
        InputError: if it has none.
    """
    if not layout.stems:
        raise InputError(f"{layout.images}: no images; expected .jpg or .png files")
    return layout


def index_images(layout: Layout) -> dict[str, str]:
    """Return the image's file name for each stem."""
    return {path.stem: path.name for path in find_images(layout.images)} if layout.images.is_dir() else {}


def find_names(layout: Layout, root: Path, read: list[XmlLabels]) -> list[str]:
    """Return the sorted names of all classes: those of all splits, so that each split has the same table.

    Raises:
        InputError: if there are none.
    """
    others = [path for path in root.rglob("[!.]*.xml") if path.parent != layout.annotations or layout.listed]
    found = {entry.name for labels in read for entry in labels.objects}
    ignored: list[Finding] = []  # what is wrong in other splits is said when they are read
    for labels in read_all(read_xml, others, source=str(root), report=ignored.append):
        found |= {entry.name for entry in labels.objects} if labels else set()
    if not found:
        raise InputError(f"{layout.annotations}: no objects in any XML file; expected <object> with <name>")
    return sorted(found)


def pack_boxes(
    labels: list[XmlLabels | None], layout: Layout, names: list[str], known: list[str], *, report: Report
) -> BoxList:
    """Turn objects into arrays; `difficult` ones become crowds: not learned, neither found nor missed."""
    indices = {name: index for index, name in enumerate(known)}
    rows, ids, classes, boxes, crowd = [], [], [], [], []
    for row, entry in enumerate(labels):
        for finding in entry.faults if entry else ():
            report(finding)
        for found in entry.objects if entry else ():
            if found.name not in indices:
                where = f"{layout.annotations / Path(names[row]).stem}.xml: object {found.number}"
                report(Finding("error", "unknown class", where, repr(found.name), f"expected one of {known[:20]}"))
                continue
            rows.append(row)
            ids.append(found.number)
            classes.append(indices[found.name])
            boxes.append(found.box)
            crowd.append(found.difficult)
    return BoxList.create(rows, ids, classes, boxes, crowd=crowd)


def note_unlabelled(layout: Layout, count: int, *, report: Report) -> None:
    """Report how many images have no XML file; an error where none has."""
    if layout.listed or not count:
        return
    found = f"{count} of {len(layout.stems)} images have no XML file"
    if count == len(layout.stems):
        report(Finding("error", "no label files", str(layout.annotations), found, f"expected them in {layout.images}"))
    else:
        cure = "taken as images without objects"
        report(Finding("note", "image without a label file", str(layout.annotations), found, cure))
