"""From what the network gave for the parts of an image to one prediction."""

from typing import Any, Protocol, cast

import numpy as np
import torch
from torch import Tensor

from tasks.description import Description
from tasks.detection.module import scale_to
from tasks.detection.postprocess import Detections
from tasks.predicting.prediction import Prediction
from tasks.predicting.sources import Frame
from tasks.predicting.tiling import Size, Tile
from tasks.segmentation.postprocess import postprocess


class Parts(Protocol):
    """What is known so far of one image."""

    @property
    def complete(self) -> bool:
        """Whether every tile was taken."""

    def add(self, tile: Tile, output: Any) -> None:
        """Take what the network gave for a tile."""

    def merge(self) -> Prediction:
        """Return what all tiles together show."""


class Boxes:
    """The detections of an image's tiles."""

    def __init__(self, frame: Frame, description: Description, *, count: int) -> None:
        self.frame, self.description, self.count = frame, description, count
        self.found: list[tuple[Tile, np.ndarray, np.ndarray, np.ndarray]] = []

    @property
    def complete(self) -> bool:
        """Whether every tile was taken."""
        return len(self.found) == self.count

    def add(self, tile: Tile, output: Detections) -> None:
        """Take the detections of a tile, in pixels of the network's input."""
        scale = scale_to(tile.size, cast(Size, self.description.preprocessing.size))
        boxes = output.boxes.cpu().double() * torch.tensor(scale * 2, dtype=torch.float64)  # (D, 4) xyxy
        offset = np.array([tile.left, tile.top] * 2)
        self.found.append((tile, boxes.numpy() + offset, output.labels.cpu().numpy(), output.scores.cpu().numpy()))

    def merge(self) -> Prediction:
        """Return the boxes of all tiles."""
        _, boxes, labels, scores = zip(*self.found, strict=True)
        return Prediction(
            **vars(self.frame),
            classes=self.description.classes,
            boxes=np.concatenate(boxes),
            labels=np.concatenate(labels),
            scores=np.concatenate(scores).astype(np.float64),
        )


class Masks:
    """The masks of an image's tiles."""

    def __init__(self, frame: Frame, description: Description, *, count: int) -> None:
        self.frame, self.description, self.count = frame, description, count
        self.mask = np.zeros(frame.image.shape[:2], np.uint8)
        self.taken = 0

    @property
    def complete(self) -> bool:
        """Whether every tile was taken."""
        return self.taken == self.count

    def add(self, tile: Tile, output: Tensor) -> None:
        """Take the logits (K, h, w) of a tile."""
        (mask,) = postprocess(output[None], size=tile.size)
        self.mask[tile.top : tile.bottom, tile.left : tile.right] = mask.cpu().numpy()
        self.taken += 1

    def merge(self) -> Prediction:
        """Return the whole mask."""
        return Prediction(**vars(self.frame), classes=self.description.classes, mask=self.mask)
