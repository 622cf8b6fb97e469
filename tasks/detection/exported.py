"""An exported detector in use, like the model that it was exported from."""

from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from data.sizes import Size
from heads.box_coder import CENTER_WEIGHT, MAX_LOG_RATIO, SIDE_WEIGHT
from heads.ssdlite import RawDetections, SSDLite
from tasks.detection.graph import RAW, count_candidates
from tasks.detection.postprocess import Detections, postprocess
from tasks.formats.running import ExportedModel
from tasks.formats.session import Session
from tasks.formats.settings import GraphSettings
from tasks.models.description import Description
from tasks.models.network import build_model
from tasks.models.postprocessing import Postprocessing


class ExportedDetector(ExportedModel):
    """An exported detector: what `tasks.detection.detector.Detector` gives, from a file.

    Args:
        description: of the model.
        settings: what is in the file.
        session: the file, opened.

    Attributes:
        size: (height, width) in pixels of the images that it takes.

    Raises:
        ValueError: if the description is of another kind of model.
    """

    def __init__(self, description: Description, settings: GraphSettings, session: Session) -> None:
        super().__init__(description, settings, session)
        if description.postprocessing is None:
            raise ValueError("a detector needs postprocessing; expected some")
        self.size = settings.size
        self.postprocessing = description.postprocessing
        self.anchors = None if settings.nms else find_anchors(description, settings.size)

    def forward(self, images: Tensor) -> list[Detections]:
        """Find objects in images (N, 3, *size), 0 to 255; boxes in pixels of `size`."""
        found = self.network(images)
        if self.anchors is None:
            return [take_used(*image) for image in zip(found["boxes"], found["scores"], found["labels"], strict=True)]
        return postprocess(
            RawDetections(found["class_logits"], found["deltas"]),
            self.anchors,
            size=self.size,
            scores=self.description.arch.scores,
            settings=self.postprocessing,
        )


def find_anchors(description: Description, size: Size) -> Tensor:
    """Return the anchors (A, 4) of a detector for an input of `size`, xyxy in its pixels."""
    with torch.device("meta"):
        head = build_model(description.arch).head
    if not isinstance(head, SSDLite):
        raise ValueError(f"a detector needs the head ssdlite; got {description.arch.head}")
    return head.anchors(size)


def take_used(boxes: Tensor, scores: Tensor, labels: Tensor) -> Detections:
    """Return the places of an image that hold a detection: those with a class."""
    used = labels >= 0
    return Detections(boxes[used], scores[used], labels[used].long())


def describe_outputs(description: Description, settings: GraphSettings) -> dict[str, str]:
    """Say what each output of an exported detector means."""
    if settings.nms:
        return {
            "boxes": "(N, D, 4): left, top, right, bottom in pixels of the input, best first; 0 where unused",
            "scores": "(N, D): 0 to 1; 0 where unused",
            "labels": "(N, D): index into classes; -1 where unused",
        }
    return {
        "class_logits": "(N, A, 1 + K): of each anchor, background first, then the classes",
        "deltas": "(N, A, 4): dx, dy, dw, dh from each anchor",
    }


def describe_decoding(description: Description, settings: GraphSettings) -> dict[str, Any]:
    """Return how raw predictions become boxes: by the file itself, or by whoever runs it."""
    postprocessing = description.postprocessing or Postprocessing()
    found = {
        "kind": "boxes",
        "by": "the file" if settings.nms else "the caller",
        "scores": description.arch.scores,
        "center_weight": CENTER_WEIGHT,
        "side_weight": SIDE_WEIGHT,
        "max_log_ratio": MAX_LOG_RATIO,
        **asdict(postprocessing),
    }
    if settings.nms:
        return {**found, "candidates": count_candidates(postprocessing, settings)}
    return {**found, "takes": list(RAW), "anchors": find_anchors(description, settings.size).tolist()}
