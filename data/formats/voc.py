"""Pascal VOC: an XML file of boxes an image (Everingham et al., IJCV 2010), in VOC's folders or beside the images."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath

import numpy as np

from data.classes import ClassTable
from data.errors import InputError
from data.findings import Finding, Report
from data.formats.foreign import describe_others
from data.formats.voc_layout import VocLayout, choose_images, find_layout, find_xml
from data.formats.voc_xml import XmlLabels, read_xml
from data.labels import BoxList, ImageList, Labels
from data.reading import read_all
from data.splits import Part


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
    layout = find_layout(root, part, report=report)
    found = read_all(read_xml, layout.candidates, source=f"labels of {root}", report=report)
    read = {path: labels for path, labels in zip(layout.candidates, found, strict=True) if labels is not None}
    labelled = choose_images(layout, read, report=report)
    unread = {name for path, candidates in layout.candidates.items() if path not in read for name in candidates}
    bare = [] if layout.listed else [name for name in layout.files if name not in {*labelled, *unread}]
    note_unlabelled(layout, bare, total=len(labelled) + len(bare), report=report)
    known = list(names) if names else find_names(layout, root, read, report=report)
    images: list[tuple[str, XmlLabels | None]] = [*labelled.items(), *((name, None) for name in bare)]
    if not layout.listed:
        images.sort(key=lambda image: image[0])
    return Labels(
        source=layout.annotations,
        folder=layout.images,
        classes=ClassTable.create(known, range(len(known))),
        images=ImageList(
            np.arange(len(images)),
            np.array([name for name, _ in images], dtype=str),
            [labels.size if labels else None for _, labels in images],
        ),
        boxes=pack_boxes([labels for _, labels in images], known, report=report),
        place=lambda name, number: f"{labelled[name].path.name}, object {number}",
    )


def find_names(layout: VocLayout, root: Path, read: Mapping[Path, XmlLabels], *, report: Report) -> list[str]:
    """Return the sorted names of all classes: those of all splits, so that each split has the same table.

    Raises:
        InputError: if there are none, which may be the fault of objects that cannot be read.
    """
    others = [path for path in find_xml(root) if path not in layout.candidates]
    found = {entry.name for labels in read.values() for entry in labels.objects}
    ignored: list[Finding] = []  # what is wrong in other splits is said when they are read
    for labels in read_all(read_xml, others, source=str(root), report=ignored.append):
        found |= {entry.name for entry in labels.objects} if labels else set()
    if not found:
        for finding in (fault for labels in read.values() for fault in labels.faults):
            report(finding)
        raise InputError(f"{layout.annotations}: no objects in any XML file; expected <object> with <name>")
    return sorted(found)


def pack_boxes(labels: Sequence[XmlLabels | None], known: list[str], *, report: Report) -> BoxList:
    """Turn objects into arrays; `difficult` ones become crowds: not learned, neither found nor missed."""
    indices = {name: index for index, name in enumerate(known)}
    rows, ids, classes, boxes, crowd = [], [], [], [], []
    for row, entry in enumerate(labels):
        for finding in entry.faults if entry else ():
            report(finding)
        for found in entry.objects if entry else ():
            if entry and found.name not in indices:
                where = f"{entry.path}: object {found.number}"
                report(Finding("error", "unknown class", where, repr(found.name), f"expected one of {known[:20]}"))
                continue
            rows.append(row)
            ids.append(found.number)
            classes.append(indices[found.name])
            boxes.append(found.box)
            crowd.append(found.difficult)
    return BoxList.create(rows, ids, classes, boxes, crowd=crowd)


def note_unlabelled(layout: VocLayout, names: Sequence[str], *, total: int, report: Report) -> None:
    """Report how many images have no XML file, an error where none has, and which of them share another's name."""
    if not names:
        return
    where = str(layout.annotations)
    if len(names) == total:
        others, cure = describe_others(layout.annotations, f"expected them in {layout.annotations}")
        report(Finding("error", "no label files", where, f"none of {total} images has an XML file{others}", cure))
        return
    found = f"{len(names)} of {total} images have no XML file (first: {names[0]})"
    cure = "taken as images without objects"
    report(Finding("note", "image without a label file", where, found, cure, tuple(names)))
    stems = {PurePath(name).with_suffix("") for candidates in layout.candidates.values() for name in candidates}
    twins = tuple(name for name in names if PurePath(name).with_suffix("") in stems)
    if twins:
        found = f"{len(twins)} images have the same name as another, whose labels they do not share (first: {twins[0]})"
        report(Finding("warning", "images with the same name", where, found, f"{cure}; rename or remove them", twins))
