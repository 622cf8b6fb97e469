"""Do a detector's anchors fit the boxes it is to learn? Class by class, and what other shapes would bring."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch import Tensor

from data.errors import InputError
from data.findings import Finding, Report
from data.readers import BoxReader
from data.sizes import Size
from heads.anchor_layouts import Layout
from heads.anchors import build_anchors
from heads.ssdlite import SSDLite
from tasks.detection.anchor_shapes import REACH_IOU, Reach, fit_shapes, measure_reach, to_sides
from tasks.detection.box_table import enlarge, write_size
from tasks.examination.counts import name_some
from tasks.models.architecture import Arch
from tasks.models.description import Description
from tasks.models.network import build_model, choose_layout

logger = logging.getLogger(__name__)

# Of Arch: which anchors there are, how their logits are read.
ANCHOR_FIELDS = ("anchors", "shapes", "output_stride", "scores")
LOW = 0.7  # share of a class's boxes below which it is mentioned


@dataclass(frozen=True)
class Anchors:
    """The anchors of a detector.

    Attributes:
        layout: shapes by level.
        strides: of the levels in pixels.
        size: (height, width) of the input in pixels.
    """

    layout: Layout
    strides: tuple[int, ...]
    size: Size

    def measure(self, boxes: Tensor, labels: Tensor) -> Reach:
        """Compare boxes (M, 4), xyxy in input pixels, with all anchors."""
        return measure_reach(boxes, labels, build_anchors(self.size, strides=self.strides, layout=self.layout))

    def follow(self, boxes: Tensor, labels: Tensor) -> "Anchors":
        """Return anchors as `model.shapes=data` would have them."""
        shapes = fit_shapes(boxes, labels, layout=self.layout, strides=self.strides, size=self.size)
        return Anchors(self.layout._replace(levels=shapes), self.strides, self.size)

    def sides(self) -> Tensor:
        """Return (S, 2): width and height in pixels of every shape."""
        shapes = torch.tensor([shape for level in self.layout.levels for shape in level]).double()
        return to_sides(shapes.log(), size=self.size, clip=self.layout.clip)


def find_anchors(description: Description) -> Anchors:
    """Return the anchors of a described detector, without its weights."""
    with torch.device("meta"):
        strides = cast(SSDLite, build_model(description.arch).head).strides
    return Anchors(choose_layout(description.arch), tuple(strides), cast(Size, description.preprocessing.size))


def describe_reach(reach: Reach, names: Sequence[str]) -> dict[str, Any]:
    """Return the shares of boxes that anchors reach, by class too, as plain values."""
    by_class = {names[label]: share for label, share in sorted(reach.by_class.items())}
    return {"share": reach.share, "mean_iou": reach.mean_iou, "by_class": by_class}


def check_reach(
    anchors: Anchors, boxes: Tensor, labels: Tensor, *, names: Sequence[str], split: str, report: Report
) -> Reach:
    """Measure how many boxes the anchors reach, and report the classes of which they reach few.

    Args:
        anchors: of the detector.
        boxes: (M, 4), xyxy in input pixels, M above 0.
        labels: (M,) int64, class indices.
        names: of the classes.
        split: that the boxes are of.
        report: takes the finding.
    """
    reach = anchors.measure(boxes, labels)
    low = sorted((label for label, share in reach.by_class.items() if share < LOW), key=reach.by_class.__getitem__)
    if low:
        listed = name_some([f"{names[label]} ({reach.by_class[label]:.0%})" for label in low])
        found = f"{reach.share:.0%} of all boxes overlap with an anchor by {REACH_IOU:.0%} or more, but few of {listed}"
        larger = replace(anchors, size=enlarge(anchors.size))
        grown = boxes * (torch.tensor(larger.size[::-1]) / torch.tensor(anchors.size[::-1])).repeat(2)
        tried = {
            "model.shapes=data": anchors.follow(boxes, labels).measure(boxes, labels),
            write_size(larger.size): larger.measure(grown, labels),
            "both": larger.follow(grown, labels).measure(grown, labels),
        }
        shares = ", ".join(f"{_mean(other, low):.0%} with {option}" for option, other in tried.items())
        cure = f"of these classes it is {_mean(reach, low):.0%}; it would be {shares}"
        report(Finding("note", "boxes that the anchors do not fit", split, found, cure))
    return reach


def _mean(reach: Reach, labels: Sequence[int]) -> float:
    """Return the mean share of some classes."""
    return sum(reach.by_class[label] for label in labels) / len(labels)


def gather_boxes(reader: BoxReader, size: Size) -> tuple[Tensor, Tensor]:
    """Return the boxes (M, 4), xyxy in pixels of an input of `size`, and the labels (M,) of a reader.

    Raises:
        InputError: if there are none.
    """
    boxes, labels = (torch.from_numpy(values) for values in reader.boxes_at(size))
    if not len(boxes):
        raise InputError("dataset.train: no boxes but crowds; a detector learns from boxes")
    return boxes, labels


def follow_data(description: Description, reader: BoxReader) -> Arch:
    """Return the architecture with shapes of anchors that follow the reader's boxes."""
    anchors = find_anchors(description)
    boxes, labels = gather_boxes(reader, anchors.size)
    log_reach(anchors, reader, name="before they follow the data, ")
    levels = anchors.follow(boxes, labels).layout.levels
    return replace(description.arch, shapes=tuple(tuple((*shape,) for shape in level) for level in levels))


def log_reach(anchors: Anchors, reader: BoxReader, *, name: str = "") -> None:
    """Log how many of the reader's boxes the anchors reach."""
    reach = anchors.measure(*gather_boxes(reader, anchors.size))
    least = min(reach.by_class, key=reach.by_class.__getitem__)
    logger.info(
        "anchors: %sthey reach %.1f %% of the training boxes by half or more, %.1f %% of %s; mean of the best IoU %.3f",
        name,
        reach.share * 100,
        reach.by_class[least] * 100,
        reader.classes.names[least],
        reach.mean_iou,
    )


def announce(description: Description, reader: BoxReader) -> None:
    """Log how well a detector's anchors fit the boxes to train on."""
    log_reach(find_anchors(description), reader)


def check_anchors(known: Description, student: Description, *, source: str) -> None:
    """Check that a detector has the student's anchors and that its logits are read alike.

    Raises:
        InputError: naming each field that differs, both values, and the options that would fit.
    """
    both = {f"model.{field}": (getattr(known.arch, field), getattr(student.arch, field)) for field in ANCHOR_FIELDS}
    both["size"] = list(known.preprocessing.size), list(student.preprocessing.size)  # type: ignore[arg-type]
    wrong = {field: values for field, values in both.items() if values[0] != values[1]}
    if wrong:
        said = "; ".join(f"{field}: {theirs} in the teacher, {ours} here" for field, (theirs, ours) in wrong.items())
        options = " ".join(f"{field}={write_value(theirs)}" for field, (theirs, _) in wrong.items())
        if wrong.get("model.scores", ("",))[0] == "softmax":
            options += " loss.assignment=iou"  # which softmax scores need
        raise InputError(f"{source}: {said}; options that fit: {options}")


def write_value(value: object) -> str:
    """Write a plain value as an option on the command line takes it."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
