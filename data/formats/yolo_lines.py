"""What the lines of a YOLO label file mean: boxes, polygons, or boxes with more behind them.

A line is a class and numbers, shares of the image's sides. Four are a box, centre and size. Six or more are the points
of a polygon (Ultralytics' segment and obb), or a box with key points, or with a score and the number of a track. Which,
data.yaml may say; else all lines of a split tell together, and where they do not, nobody guesses.
"""

from collections.abc import Sequence
from math import inf, isfinite

import numpy as np

from data.findings import Finding, Report, fault
from data.labels import BoxList

EXPECTED = "expected class, centre x, centre y, width and height, or class and the points of a polygon"
POLYGONS, BOXES = "polygons", "boxes followed by other values"
TASKS = {"segment": POLYGONS, "obb": POLYGONS, "detect": BOXES, "pose": BOXES}  # of data.yaml
BEYOND = 0.01  # that shares may leave 0..1 by
MANY = 0.1  # share of the lines from which they do not fit a meaning
CORNERS = 8  # numbers of an oriented box
SCORED = 5  # numbers of a box with one more behind it: half a point, so no polygon


def pack_lines(files: Sequence[Sequence[bytes] | None], *, count: int) -> BoxList | None:
    """Read the boxes of label files at once, where all lines are a class and four numbers, or empty.

    Args:
        files: the lines of N label files, None where there is none.
        count: of the classes.

    Returns:
        What `parse_line`, `find_meaning` and `to_box` make of them; None where a line is another, or has another class.
    """
    fields = [[line.split() for line in lines or ()] for lines in files]
    lengths = np.fromiter((len(line) for lines in fields for line in lines), dtype=np.int64)
    if not np.isin(lengths, (0, 5)).all():
        return None
    try:
        values = [float(field) for lines in fields for line in lines for field in line]
    except ValueError:
        return None
    table = np.array(values, dtype=np.float64).reshape(-1, 5)  # (M, 5)
    labels, boxes = table[:, 0], table[:, 1:].copy()
    if not (np.isin(labels, np.arange(count))).all():
        return None
    boxes[:, :2] -= boxes[:, 2:] / 2
    boxes[~np.isfinite(table[:, 1:]).all(axis=1)] = inf
    counts = [len(lines) for lines in fields]
    rows = np.repeat(np.arange(len(files)), counts)
    numbers = np.concatenate([np.arange(1, n + 1) for n in counts] or [rows])  # of each line in its file
    full = lengths > 0
    return BoxList(
        numbers[full],
        rows[full],
        labels.astype(np.int64),
        boxes,
        np.full(len(boxes), np.nan),
        np.zeros(len(boxes), dtype=bool),
    )


def parse_line(
    line: bytes, where: str, names: Sequence[str], *, keypoints: int = 0, task: str = ""
) -> tuple[int, list[float]] | None:
    """Return the class index and the numbers of a line; None for an empty one.

    Args:
        line: of a label file.
        where: it stands, for messages.
        names: of the classes.
        keypoints: numbers of the key points that follow each box; 0 without them.
        task: as data.yaml says it; "" where it does not.

    Raises:
        InputError: a fault, if their number fits nothing, or the class is unknown.
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
        raise fault("unknown class", where, f"class {fields[0].decode(errors='replace')}", cure)
    if keypoints and len(values) not in (4, 4 + keypoints):
        cure = f"expected {5 + keypoints}, a class, a box and {keypoints} of key points, as kpt_shape says"
        raise fault("malformed line", where, f"{len(fields)} values", cure)
    meaning = BOXES if keypoints else TASKS.get(task)
    scored = len(values) == SCORED and meaning is None
    if len(values) < 4 or (len(values) % 2 and meaning != BOXES and not scored):
        raise fault("malformed line", where, f"{len(fields)} values", EXPECTED)
    return int(label), values


def find_meaning(lines: Sequence[list[float]], *, task: str, keypoints: int, source: str, report: Report) -> str | None:
    """Find out what lines of more than four numbers are, and say it.

    Args:
        lines: M times the numbers of a line, of a whole split.
        task: as data.yaml says it; "" where it does not.
        keypoints: numbers of the key points that follow each box; 0 without them.
        source: of the labels, for messages.
        report: takes a note of the meaning, or an error where there is none or more than one.

    Returns:
        POLYGONS or BOXES; None where it cannot be told, or there are no such lines.
    """
    longer = [values for values in lines if len(values) > 4]
    if not longer:
        return None
    meaning = BOXES if keypoints else TASKS.get(task) or _guess(longer)
    counts = sorted({len(values) + 1 for values in longer})
    shown = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else f"{counts[0]}"
    found = f"{len(longer)} of {len(lines)} lines hold {shown} values"
    if meaning not in (POLYGONS, BOXES):
        cure = "expected in data.yaml task: segment (polygons), task: detect (boxes) or kpt_shape: [points, 2]"
        report(Finding("error", "ambiguous lines", source, f"{found}, which fit {meaning}", cure))
        return None
    report(Finding("note", "lines of more than a box", source, f"{found}: {meaning}", "look at the samples"))
    return meaning


def _guess(lines: Sequence[list[float]]) -> str:
    """Return what lines are, POLYGONS or BOXES, or which of these they fit.

    Key points, scores and tracks take as many numbers in each line, polygons take what they need. A polygon lies in the
    image, and a box does so too: read as boxes, about half of all polygons leave it. Four corners of an oriented box
    are a parallelogram.
    """
    scored = [values for values in lines if len(values) == SCORED]
    if scored and len(scored) < len(lines):
        return f"neither {POLYGONS} nor {BOXES}"
    if scored:
        scores = all(0 <= values[-1] <= 1 for values in scored)
        return BOXES if scores else "both boxes with the number of a track behind them and turned boxes with an angle"
    finite = [values for values in lines if all(map(isfinite, values))]
    if not finite or len({len(values) for values in finite}) > 1:
        return POLYGONS
    table = np.array(finite)  # (M, numbers of a line)
    centres, sides = table[:, :2], table[:, 2:4]
    leaving = (np.abs(centres - 0.5) + sides / 2 > 0.5 + BEYOND).any(axis=1) | (sides < 0).any(axis=1)
    outside = ((table < -BEYOND) | (table > 1 + BEYOND)).any(axis=1)
    no_polygons, no_boxes = outside.mean() > MANY, leaving.mean() > MANY
    if table.shape[1] == CORNERS and not no_polygons:
        corners = table.reshape(-1, 4, 2)
        skew = np.abs(corners[:, 0] + corners[:, 2] - corners[:, 1] - corners[:, 3]).max(axis=1)  # (M,)
        no_boxes = no_boxes or (skew > BEYOND).mean() <= MANY
    if no_polygons == no_boxes:
        return f"{'neither' if no_boxes else 'both'} {POLYGONS} {'nor' if no_boxes else 'and'} {BOXES}"
    return BOXES if no_polygons else POLYGONS


def to_box(values: Sequence[float], meaning: str | None) -> list[float]:
    """Return the box of a line, xywh in shares of the image's sides; all infinite where a number is not finite."""
    if meaning == POLYGONS and len(values) > 4:
        xs, ys = values[::2], values[1::2]
        box = [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]
        return box if all(map(isfinite, values)) else [inf] * 4
    x, y, width, height = values[:4]
    return [x - width / 2, y - height / 2, width, height] if all(map(isfinite, values[:4])) else [inf] * 4
