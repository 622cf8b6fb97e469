"""Do a detector's anchors fit the boxes it is to learn? Class by class, and what other shapes would bring."""

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
from data.transforms import MIN_SIDE
from heads.anchor_layouts import AnchorLayout
from heads.anchors import build_anchors
from heads.ssdlite import SSDLite
from tasks.detection.anchor_shapes import RECALL_IOU, AnchorRecall, fit_shapes, measure_recall, to_sides
from tasks.detection.box_table import enlarge, write_size
from tasks.examination.counts import name_some
from tasks.models.architecture import Arch
from tasks.models.description import Description
from tasks.models.network import build_model, choose_layout
from tasks.parsing import write_value

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

    layout: AnchorLayout
    strides: tuple[int, ...]
    size: Size

    def measure(self, boxes: Tensor, labels: Tensor) -> AnchorRecall:
        """Compare boxes (M, 4), xyxy in input pixels, with all anchors."""
        return measure_recall(boxes, labels, build_anchors(self.size, strides=self.strides, layout=self.layout))

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


def describe_recall(recall: AnchorRecall, names: Sequence[str]) -> dict[str, Any]:
    """Return the recall of anchors, by class too, as plain values."""
    by_class = {names[label]: share for label, share in sorted(recall.by_class.items())}
    return {"share": recall.share, "mean_iou": recall.mean_iou, "by_class": by_class}


def check_recall(
    anchors: Anchors, boxes: Tensor, labels: Tensor, *, names: Sequence[str], split: str, report: Report
) -> AnchorRecall:
    """Measure the recall of anchors, and report the classes where it is low.

    Args:
        anchors: of the detector.
        boxes: (M, 4), xyxy in input pixels, M above 0.
        labels: (M,) int64, class indices.
        names: of the classes.
        split: that the boxes are of.
        report: takes the finding.
    """
    recall = anchors.measure(boxes, labels)
    low = sorted((label for label, share in recall.by_class.items() if share < LOW), key=recall.by_class.__getitem__)
    if low:
        listed = name_some([f"{names[label]} ({recall.by_class[label]:.0%})" for label in low])
        found = (
            f"{recall.share:.0%} of all boxes overlap with an anchor by {RECALL_IOU:.0%} or more, but few of {listed}"
        )
        larger = replace(anchors, size=enlarge(anchors.size))
        grown = boxes * (torch.tensor(larger.size[::-1]) / torch.tensor(anchors.size[::-1])).repeat(2)
        tried = {
            "model.shapes=data": anchors.follow(boxes, labels).measure(boxes, labels),
            write_size(larger.size): larger.measure(grown, labels),
            "both": larger.follow(grown, labels).measure(grown, labels),
        }
        shares = ", ".join(f"{_mean(other, low):.0%} with {option}" for option, other in tried.items())
        cure = f"of these classes it is {_mean(recall, low):.0%}; it would be {shares}"
        report(Finding("note", "boxes that the anchors do not fit", split, found, cure))
    return recall


def _mean(recall: AnchorRecall, labels: Sequence[int]) -> float:
    """Return the mean share of some classes."""
    return sum(recall.by_class[label] for label in labels) / len(labels)


def gather_boxes(reader: BoxReader, size: Size) -> tuple[Tensor, Tensor]:
    """Return the boxes (M, 4), xyxy in pixels of an input of `size`, and the labels (M,) of a reader.

    Raises:
        InputError: if there are none, or none is large enough to be seen there.
    """
    boxes, labels = (torch.from_numpy(values) for values in reader.boxes_at(size))
    if not len(boxes):
        raise InputError("dataset.train: no boxes but crowds; a detector learns from boxes")
    if not are_visible(boxes).any():
        found = f"all {len(boxes)} boxes are under {MIN_SIDE:g} pixel wide or high at {write_size(size)}"
        raise InputError(f"dataset.train: {found}; expected boxes in pixels of their images, or a larger size=")
    return boxes, labels


def are_visible(boxes: Tensor) -> Tensor:
    """Tell which boxes (M, 4), xyxy in input pixels, are large enough to be trained on: (M,) bool."""
    return (boxes[:, 2:] - boxes[:, :2] >= MIN_SIDE).all(dim=1)


def follow_data(description: Description, reader: BoxReader) -> Arch:
    """Return the architecture with shapes of anchors that follow the reader's boxes."""
    anchors = find_anchors(description)
    boxes, labels = gather_boxes(reader, anchors.size)
    log_recall(anchors, reader, name=" before they follow the data")
    levels = anchors.follow(boxes, labels).layout.levels
    return replace(description.arch, shapes=tuple(tuple((*shape,) for shape in level) for level in levels))


def log_recall(anchors: Anchors, reader: BoxReader, *, name: str = "") -> None:
    """Log the recall of anchors on the reader's boxes."""
    recall = anchors.measure(*gather_boxes(reader, anchors.size))
    least = min(recall.by_class, key=recall.by_class.__getitem__)
    logger.info(
        "anchor recall%s at IoU .5: %.1f %% of the training boxes, %.1f %% of %s; mean of the best IoU %.3f",
        name,
        recall.share * 100,
        recall.by_class[least] * 100,
        reader.classes.names[least],
        recall.mean_iou,
    )


def announce(description: Description, reader: BoxReader) -> None:
    """Log how well a detector's anchors fit the boxes to train on, and which of these are too small."""
    anchors = find_anchors(description)
    log_recall(anchors, reader)
    visible = are_visible(gather_boxes(reader, anchors.size)[0])
    if not visible.all():
        lost, size = int((~visible).sum()), write_size(anchors.size)
        logger.warning("left out %d of %d boxes: under %g pixel wide or high at %s", lost, len(visible), MIN_SIDE, size)


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
