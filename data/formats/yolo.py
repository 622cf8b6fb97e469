"""YOLO labels: a text file an image, a line a box: class, centre and size in shares of the image's sides.

The format is that of Ultralytics (https://docs.ultralytics.com/datasets/detect): lines of more numbers are polygons, of
which the box is taken; an image without a text file has no objects.
"""

from collections.abc import Sequence
from math import inf, isfinite
from pathlib import Path

from data.classes import ClassTable
from data.findings import Finding, Report, fault, parse_all
from data.formats.yolo_layout import find_label_folder, find_layout, relative_names
from data.labels import BoxList, ImageList, Labels
from data.reading import read_all
from data.splits import Part

EXPECTED = "expected class, centre x, centre y, width and height, or class and the points of a polygon"


def read_yolo(root: Path, part: Part, *, names: Sequence[str] | None, report: Report) -> Labels:
    """Read one split of a YOLO data set.

    Args:
        root: its folder, or its yaml file.
        part: which split.
        names: of the classes, where they are not to be those of the files.
        report: takes what is wrong.

    Raises:
        InputError: if the split or the names are missing, or `report` refuses what is wrong.
    """
    layout = find_layout(root, part, names=names)
    folders = {folder: find_label_folder(folder) for folder in {image.parent for image in layout.images}}
    paths = [folders[image.parent] / f"{image.stem}.txt" for image in layout.images]
    files = read_all(read_lines, paths, source=f"labels of {layout.source}", report=report)
    rows, ids, labels, boxes = [], [], [], []
    for row, (path, lines) in enumerate(zip(paths, files, strict=True)):

        def parse(index: int, line: bytes, path: Path = path) -> tuple[int, list[float]] | None:
            return parse_line(line, f"{path}: line {index + 1}", layout.names, keypoints=layout.keypoints)

        for index, parsed in parse_all(parse, lines or (), report=report):
            if parsed:
                rows.append(row)
                ids.append(index + 1)
                labels.append(parsed[0])
                boxes.append(parsed[1])
    note_unlabelled(layout.source, sum(lines is None for lines in files), len(files), report=report)
    return Labels(
        source=layout.source,
        folder=layout.folder,
        classes=ClassTable.create(layout.names, range(len(layout.names))),
        images=ImageList.number(relative_names(layout.images, layout.folder)),
        boxes=BoxList.create(rows, ids, labels, boxes, crowd=[False] * len(rows)),
        place=lambda name, line: f"line {line} of the labels of {name}",
        relative=True,
    )


def read_lines(path: Path) -> list[bytes] | None:
    """Return the lines of a label file, None where there is none."""
    try:
        return path.read_bytes().splitlines()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise fault("unreadable label file", path, f"cannot be read ({error})", "expected a text file") from error


def parse_line(line: bytes, where: str, names: list[str], *, keypoints: bool) -> tuple[int, list[float]] | None:
    """Return the class index and the box, xywh in shares of the image's sides; None for an empty line.

    Raises:
        InputError: a fault, if the line is no box and no polygon, or the class is unknown.
    """
    fields = line.split()
    if not fields:
        return None
    try:
        label, *values = map(float, fields)
    except ValueError:
        raise fault("malformed line", where, repr(line[:60].decode(errors="replace")), EXPECTED) from None
    if not (label.is_integer() and 0 <= label < len(names)):
        cure = f"expected 0 to {len(names) - 1}, as there are {len(names)} names"
        raise fault("unknown class", where, f"class {fields[0].decode()}", cure)
    if keypoints:
        values = values[:4]
    if len(values) == 4:
        x, y, width, height = values
        box = [x - width / 2, y - height / 2, width, height]
    elif len(values) >= 6 and len(values) % 2 == 0:
        xs, ys = values[::2], values[1::2]
        box = [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]
    else:
        raise fault("malformed line", where, f"{len(fields)} values", EXPECTED)
    return int(label), box if all(map(isfinite, values)) else [inf] * 4


def note_unlabelled(source: Path, count: int, total: int, *, report: Report) -> None:
    """Report how many images have no label file; an error where none has."""
    found = f"{count} of {total} images have no label file"
    if count == total:
        cure = "expected labels in a folder labels beside images, or beside the images"
        report(Finding("error", "no label files", str(source), found, cure))
    elif count:
        report(Finding("note", "image without a label file", str(source), found, "taken as images without objects"))
