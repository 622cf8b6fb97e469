"""Do a detector's anchors fit the boxes it is to learn? Class by class, and what other shapes would bring."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch import Tensor

from data.findings import Finding, Report
from data.sizes import Size
from heads.anchor_layouts import Layout
from heads.anchors import build_anchors
from heads.ssdlite import SSDLite
from tasks.detection.anchor_shapes import REACH_IOU, Reach, fit_shapes, measure_reach, to_sides
from tasks.detection.box_table import enlarge, write_size
from tasks.examination.counts import name_some
from tasks.models.description import Description
from tasks.models.network import build_model, choose_layout

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
