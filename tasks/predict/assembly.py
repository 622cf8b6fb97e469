"""From what the network gave for the tiles of an image, or for all of it at once, to one prediction."""

from dataclasses import replace
from typing import Any, Protocol, cast

import numpy as np
import torch
from torch import Tensor

from data.sizes import Size
from data.streams.sources import Frame
from data.streams.tiling import Tile
from tasks.detection.merging import Found, merge
from tasks.detection.module import scale_to
from tasks.detection.postprocess import Detections
from tasks.models.description import Description
from tasks.predict.prediction import Prediction
from tasks.segmentation.blending import Blend
from tasks.segmentation.postprocess import postprocess, resize_logits


class Parts(Protocol):
    """What is known so far of one image."""

    def add(self, tile: Tile, output: Any) -> None:
        """Take what the network gave for a tile."""

    def finish(self) -> Prediction:
        """Return what all tiles together show."""


class Boxes:
    """The detections in an image's tiles.

    Args:
        frame: the image.
        description: of the model.
        least: the lowest score that counts.
    """

    def __init__(self, frame: Frame, description: Description, *, least: float) -> None:
        self.frame, self.description, self.least = frame, description, least
        self.found: list[Found] = []

    def add(self, tile: Tile, output: Detections) -> None:
        """Take the detections of a tile, in pixels of the network's input."""
        scale = scale_to(tile.size, cast(Size, self.description.preprocessing.size))
        boxes = output.boxes.cpu().double() * torch.tensor(scale * 2, dtype=torch.float64)  # (D, 4) xyxy
        boxes = boxes.numpy() + np.array([tile.left, tile.top] * 2)
        place = np.tile([tile.left, tile.top, tile.right, tile.bottom], (len(boxes), 1))
        view = np.full(len(boxes), len(self.found))
        found = Found(boxes, output.labels.cpu().numpy(), output.scores.cpu().double().numpy(), place, view)
        self.found.append(found.take(found.scores >= self.least))

    def finish(self) -> Prediction:
        """Return each object once."""
        found = self.found[0]
        if len(self.found) > 1:
            together = Found(*(np.concatenate(column) for column in zip(*self.found, strict=True)))
            found = merge(together, (self.frame.image.shape[0], self.frame.image.shape[1]))
        prediction = Prediction(**vars(self.frame), classes=self.description.classes)
        return replace(prediction, boxes=found.boxes, labels=found.labels, scores=found.scores)


class Masks:
    """The scores of each pixel of an image's tiles.

    Args:
        frame: the image.
        description: of the model.
    """

    def __init__(self, frame: Frame, description: Description) -> None:
        self.frame, self.description = frame, description
        self.size: Size = (frame.image.shape[0], frame.image.shape[1])
        self.blend = Blend(self.size)
        self.mask: np.ndarray | None = None

    def add(self, tile: Tile, output: Tensor) -> None:
        """Take the logits (K, h, w) of a tile."""
        if tile.size == self.size:
            (mask,) = postprocess(output[None], size=self.size)
            self.mask = mask.cpu().numpy().astype(np.uint8)
        else:
            (scores,) = resize_logits(output[None], tile.size).softmax(1)
            self.blend.add(tile, scores)

    def finish(self) -> Prediction:
        """Return the best class of each pixel."""
        mask = self.blend.finish() if self.mask is None else self.mask
        return Prediction(**vars(self.frame), classes=self.description.classes, mask=mask)
