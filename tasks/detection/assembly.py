"""From what a detector found in the tiles of an image, or in all of it at once, to one prediction."""

from collections.abc import Collection
from typing import cast

import numpy as np
import torch

from data.sizes import Size
from data.streams.sources import Frame
from data.streams.tiling import Tile
from tasks.detection.detector import scale_to
from tasks.detection.merging import Found, merge
from tasks.detection.postprocess import Detections
from tasks.detection.prediction import BoxPrediction
from tasks.models.description import Description


class BoxAssembly:
    """The detections in an image's tiles.

    Args:
        frame: the image.
        description: of the model.
        threshold: lowest score kept; one for all classes, or K.
    """

    def __init__(self, frame: Frame, description: Description, *, threshold: float | tuple[float, ...]) -> None:
        self.frame, self.description, self.threshold = frame, description, threshold
        self.found: list[Found] = []

    def add(self, tile: Tile, output: Detections) -> None:
        """Take the detections of a tile, in pixels of the network's input."""
        scale = scale_to(tile.size, cast(Size, self.description.preprocessing.size))
        boxes = output.boxes.cpu().double() * torch.tensor(scale * 2, dtype=torch.float64)  # (D, 4) xyxy
        boxes = boxes.numpy() + np.array([tile.left, tile.top] * 2)
        place = np.tile([tile.left, tile.top, tile.right, tile.bottom], (len(boxes), 1))
        view = np.full(len(boxes), len(self.found))
        found = Found(boxes, output.labels.cpu().numpy(), output.scores.cpu().double().numpy(), place, view)
        self.found.append(found.take(found.scores >= np.min(self.threshold)))

    def finish(self, *, classes: Collection[str] | None) -> BoxPrediction:
        """Return each object of these classes once."""
        found = self.found[0]
        if len(self.found) > 1:
            together = Found(*(np.concatenate(column) for column in zip(*self.found, strict=True)))
            found = merge(together, (self.frame.image.shape[0], self.frame.image.shape[1]))
        prediction = BoxPrediction(
            **vars(self.frame),
            classes=self.description.classes,
            boxes=found.boxes,
            labels=found.labels,
            scores=found.scores,
        )
        return prediction.keep(threshold=self.threshold, classes=classes)
