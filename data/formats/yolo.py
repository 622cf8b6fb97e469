"""YOLO labels: a text file an image, a line a box: class, centre and size in shares of the image's sides.

The format is that of Ultralytics (https://docs.ultralytics.com/datasets/detect); an image without a text file has no
objects. Lines of more numbers: `data.formats.yolo_lines`.
"""

from collections.abc import Sequence
from pathlib import Path

from data.bounded.content import read_content
from data.bounded.text import strip_mark
from data.classes import ClassTable
from data.findings import Finding, Report, fault, parse_all
from data.formats.foreign import describe_others
from data.formats.yolo_layout import YoloLayout, find_labels, find_layout, relative_names
from data.formats.yolo_lines import find_meaning, pack_lines, parse_line, to_box
from data.labels import BoxList, ImageList, Labels
from data.reading import read_all
from data.splits import Part


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
    layout = find_layout(root, part, names=names, report=report)
    source = str(layout.source)
    paths = find_labels(layout.images)
    check_shared(layout.images, paths, source=source, report=report)
    files = read_all(read_lines, paths, source=f"labels of {source}", report=report)
    boxes = pack_lines(files, count=len(layout.names))
    if boxes is None:
        boxes = parse_lines(paths, files, layout, report=report)
    unlabelled = [path for path, content in zip(paths, files, strict=True) if content is None]
    note_unlabelled(layout.source, unlabelled, len(files), report=report)
    return Labels(
        source=layout.source,
        folder=layout.folder,
        classes=ClassTable.create(layout.names, range(len(layout.names))),
        images=ImageList.number(relative_names(layout.images, layout.folder)),
        boxes=boxes,
        place=lambda name, line: f"line {line} of the labels of {name}",
        relative=True,
    )


def parse_lines(
    paths: Sequence[Path], files: Sequence[list[bytes] | None], layout: YoloLayout, *, report: Report
) -> BoxList:
    """Read the boxes of label files line by line, and report what is wrong with each.

    Args:
        paths: of N label files.
        files: their lines, None where there is no file.
        layout: of the data set.
        report: takes what is wrong.
    """
    rows, ids, labels, lines = [], [], [], []
    for row, (path, content) in enumerate(zip(paths, files, strict=True)):

        def parse(index: int, line: bytes, path: Path = path) -> tuple[int, list[float]] | None:
            return parse_line(
                line, f"{path}: line {index + 1}", layout.names, keypoints=layout.keypoints, task=layout.task
            )

        for index, parsed in parse_all(parse, content or (), report=report):
            if parsed:
                rows.append(row)
                ids.append(index + 1)
                labels.append(parsed[0])
                lines.append(parsed[1])
    source = str(layout.source)
    meaning = find_meaning(lines, task=layout.task, keypoints=layout.keypoints, source=source, report=report)
    boxes = [to_box(values, meaning) for values in lines]
    return BoxList.create(rows, ids, labels, boxes, crowd=[False] * len(rows))


def read_lines(path: Path) -> list[bytes] | None:
    """Return the lines of a label file, None where there is none."""
    try:
        return strip_mark(read_content(path)).splitlines()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise fault("unreadable label file", path, f"cannot be read ({error})", "expected a text file") from error


def check_shared(images: Sequence[Path], labels: Sequence[Path], *, source: str, report: Report) -> None:
    """Report images that share a label file: of which of them the boxes are, nothing says."""
    owners: dict[Path, Path] = {}
    for image, path in zip(images, labels, strict=True):
        owner = owners.setdefault(path, image)
        if owner != image and path.is_file():
            found = f"{owner.name} and {image.name} share the labels of {path}"
            cure = "expected one label file per image; rename or remove one of them"
            report(Finding("error", "label file of several images", source, found, cure))


def note_unlabelled(source: Path, missing: Sequence[Path], total: int, *, report: Report) -> None:
    """Report label files that are missing; an error where all are."""
    if len(missing) == total:
        root = source if source.is_dir() else source.parent
        usual = "expected labels in a folder labels beside images, or beside the images"
        others, cure = describe_others(root, f"{usual}, such as {missing[0]}")
        found = f"none of {total} images has a label file{others}"
        report(Finding("error", "no label files", str(source), found, cure))
    elif missing:
        found = f"{len(missing)} of {total} images have no label file"
        report(Finding("note", "image without a label file", str(source), found, "taken as images without objects"))
