"""Do a detector's anchors fit the boxes it is to learn? Class by class, and what other shapes would bring."""

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from data.findings import Finding, Report
from heads.anchors import Layout, build_anchors
from heads.ssdlite import SSDLite
from tasks.description import Description
from tasks.detection.anchor_shapes import REACH_IOU, Reach, fit_shapes, measure_reach, to_sides
from tasks.diagnosis.labels import name_some
from tasks.model import build_model, choose_layout
from tasks.options import Size

LOW = 0.7  # share of a class's boxes below which it is mentioned
LEAST_GAIN = 0.05  # of that share, for which other shapes are advised


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


def check_reach(
    anchors: Anchors, boxes: Tensor, labels: Tensor, *, names: tuple[str, ...], split: str, report: Report
) -> dict[str, Any]:
    """Measure how many boxes of each class the anchors reach, and report the classes of which they reach few.

    Returns:
        The shares, by class too.
    """
    reach = anchors.measure(boxes, labels)
    low = sorted((share, names[k]) for k, share in reach.by_class.items() if share < LOW)
    if low:
        fitted = anchors.follow(boxes, labels).measure(boxes, labels)
        found = (
            f"no anchor overlaps more than {REACH_IOU:.0%} with many boxes of "
            f"{name_some([f'{name} ({share:.0%} reached)' for share, name in low])}; of all boxes "
            f"{reach.share:.0%} are reached"
        )
        helps = fitted.share >= reach.share + LEAST_GAIN
        cure = f"model.shapes=data reaches {fitted.share:.0%}" if helps else "their boxes are too small for this size="
        report(Finding("note", "boxes that the anchors do not fit", split, found, cure))
    return {
        "share": reach.share,
        "mean_iou": reach.mean_iou,
        "by_class": {names[k]: share for k, share in sorted(reach.by_class.items())},
    }
