"""The boxes of a split: their sizes, on the images and as the network sees them, and boxes that stand twice."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from data.classes import ClassTable
from data.findings import Finding, Report
from data.sizes import Size
from data.transforms import MIN_SIDE
from tasks.detection.coco_arrays import measure_iou
from tasks.examination.counts import Counts

COCO_AREAS = {"small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, np.inf)}  # square pixels
TINY = 8.0  # pixels of the network's input: below it hardly anything is left of an object
MANY_TINY = 0.1  # of the boxes, from which a larger input is advised
SAME_IOU = 0.95  # from which two boxes are the same


@dataclass(frozen=True)
class BoxTable:
    """The M usable boxes of a split, those of crowds included.

    Attributes:
        paths: (N,) strings, the images.
        sizes: (N, 2) int64, their height and width in pixels.
        rows: (M,) int64, the image of each box; sorted.
        labels: (M,) int64, class indices.
        boxes: (M, 4) float32, xyxy in pixels of the image.
        crowd: (M,) bool.
    """

    paths: np.ndarray
    sizes: np.ndarray
    rows: np.ndarray
    labels: np.ndarray
    boxes: np.ndarray
    crowd: np.ndarray

    def sides_at(self, size: Size) -> np.ndarray:
        """Return (M, 2) width and height in pixels, each image resized to `size`."""
        scale = np.array(size[::-1]) / self.sizes[self.rows][:, ::-1]
        result: np.ndarray = (self.boxes[:, 2:] - self.boxes[:, :2]) * scale
        return result


def count_boxes(table: BoxTable, classes: ClassTable) -> Counts:
    """Count the boxes of each class, those of crowds left out, and the images that hold it."""
    rows, labels = table.rows[~table.crowd], table.labels[~table.crowd]
    pairs = np.unique(np.stack([rows, labels], axis=1), axis=0)
    empty = np.setdiff1d(np.arange(len(table.paths)), table.rows)
    return Counts(
        "boxes",
        np.bincount(labels, minlength=len(classes)),
        np.bincount(pairs[:, 1], minlength=len(classes)),
        tuple(table.paths[empty].tolist()),
        len(table.paths),
    )


def measure_sizes(table: BoxTable, size: Size) -> dict[str, Any]:
    """Return how many boxes are small, medium and large as COCO says, and how large they are at the network's input.

    Crowds are left out.
    """
    areas = (table.boxes[:, 2:] - table.boxes[:, :2]).astype(np.float64).prod(axis=1)[~table.crowd]
    sides = table.sides_at(size)[~table.crowd]
    lengths = np.sqrt(sides.prod(axis=1))
    quantiles = np.percentile(lengths, [5, 50, 95]).round(1).tolist() if len(lengths) else [None] * 3
    return {
        **{name: int(((areas >= low) & (areas < high)).sum()) for name, (low, high) in COCO_AREAS.items()},
        "tiny": int((sides.min(axis=1, initial=np.inf) < TINY).sum()),
        "lost": int((sides.min(axis=1, initial=np.inf) < MIN_SIDE).sum()),
        "side_at_input": dict(zip(("p5", "median", "p95"), quantiles, strict=True)),
    }


def check_sizes(table: BoxTable, size: Size, report: Report, *, split: str) -> None:
    """Report boxes, but no crowds, of which the network's input leaves little or nothing."""
    least = np.where(table.crowd, np.inf, table.sides_at(size).min(axis=1, initial=np.inf))
    for row in np.flatnonzero(least < MIN_SIDE):
        left, top, right, bottom = table.boxes[row].tolist()
        found = f"{right - left:.3g} x {bottom - top:.3g} pixels, {least[row]:.2g} at {write_size(size)}"
        cure = f"left out of training, as is every box under {MIN_SIDE:g} pixel there; redraw it or remove it"
        where = f"{table.paths[table.rows[row]]}: box at ({left:.0f}, {top:.0f})"
        report(Finding("warning", "box too small to be seen", where, found, cure))
    tiny = float((least < TINY).sum() / max(1, (~table.crowd).sum()))
    if tiny >= MANY_TINY:
        found = f"{tiny:.0%} of the boxes are narrower or lower than {TINY:g} pixels at {write_size(size)}"
        report(
            Finding(
                "note", "tiny boxes", split, found, f"a larger input finds more of them: {write_size(enlarge(size))}"
            )
        )


def check_repeats(table: BoxTable, classes: ClassTable, report: Report) -> None:
    """Report boxes that stand twice in an image, under the same class or under another."""
    starts = np.searchsorted(table.rows, np.arange(len(table.paths) + 1))
    for row in np.flatnonzero(np.diff(starts) > 1):
        own = slice(starts[row], starts[row + 1])
        boxes, labels, crowd = table.boxes[own], table.labels[own], table.crowd[own]
        first, second = np.nonzero(np.triu(_overlaps(boxes) >= SAME_IOU, 1))
        for one, other in zip(first.tolist(), second.tolist(), strict=True):
            if crowd[one] or crowd[other]:
                continue
            left, top = boxes[one, :2].tolist()
            names = [classes.names[labels[index]] for index in (one, other)]
            where = f"{table.paths[row]}: box at ({left:.0f}, {top:.0f})"
            if names[0] == names[1]:
                cure = "remove one: a detector that finds the object once is scored as missing one"
                report(Finding("warning", "duplicate box", where, f"{names[0]}, twice", cure))
            else:
                cure = "keep the right one, unless the object is both"
                found = f"{names[0]} and {names[1]}"
                report(Finding("warning", "box of two classes", where, found, cure))


def _overlaps(boxes: np.ndarray) -> np.ndarray:
    """Return (G, G) IoU of boxes (G, 4), xyxy, with each other."""
    corners = boxes.astype(np.float64)
    boxes_xywh = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
    return measure_iou(boxes_xywh, boxes_xywh)


def enlarge(size: Size) -> Size:
    """Return half as much again of a size, as multiples of 32."""
    height, width = (round(side * 1.5 / 32) * 32 for side in size)
    return height, width


def write_size(size: Size) -> str:
    """Return a size as the option of a command has it."""
    return f"size=[{size[0]},{size[1]}]"
