"""From the scores of the tiles of an image, or of all of it at once, to one prediction."""

from collections.abc import Collection

import numpy as np
from torch import Tensor

from data.streams.sources import Frame
from data.streams.tiling import Tile
from tasks.classification.prediction import ClassPrediction, predict_classes
from tasks.models.description import Description


class ClassAssembly:
    """The scores of an image's tiles.

    Args:
        frame: the image.
        description: of the model.
        threshold: lowest score of a class that holds; one for all classes, or K.
    """

    def __init__(self, frame: Frame, description: Description, *, threshold: float | tuple[float, ...]) -> None:
        self.frame, self.description, self.threshold = frame, description, threshold
        self.scores: list[np.ndarray] = []

    def add(self, tile: Tile, output: Tensor) -> None:
        """Take the scores (K,) of a tile."""
        self.scores.append(output.cpu().double().numpy())

    def finish(self, *, classes: Collection[str] | None) -> ClassPrediction:
        """Return what all tiles together show: of one class an image the mean, of several what any tile shows."""
        single = self.description.arch.scores == "softmax"
        scores = np.mean(self.scores, axis=0) if single else np.max(self.scores, axis=0)
        return predict_classes(
            self.frame,
            scores,
            classes=self.description.classes,
            single=single,
            threshold=self.threshold,
            wanted=classes,
        )
