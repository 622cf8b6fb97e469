"""What a detector found in one image: boxes with labels and scores."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from data.classes import ClassTable, find_classes
from data.streams.sources import Frame
from tasks.drawing.images import add_legend, draw_boxes


@dataclass(frozen=True, kw_only=True)
class BoxPrediction(Frame):
    """An image with the objects that were found in it.

    Attributes:
        classes: the K classes of the model.
        boxes: (G, 4) float64, xyxy in pixels of `image`, best score first.
        labels: (G,) class indices.
        scores: (G,), 0 to 1.
    """

    classes: ClassTable
    boxes: np.ndarray
    labels: np.ndarray
    scores: np.ndarray

    def keep(
        self, *, threshold: float | Sequence[float] = 0.0, classes: Collection[str] | None = None
    ) -> "BoxPrediction":
        """Return it without the boxes of lower scores and of other classes.

        Args:
            threshold: lowest score kept; one for all classes, or K.
            classes: names that are kept; None for all.

        Raises:
            InputError: if the model does not know a class.
        """
        wanted, limits = find_classes(self.classes, classes), np.broadcast_to(threshold, len(self.classes))
        kept = (self.scores >= limits[self.labels]) & np.isin(self.labels, wanted)
        return replace(self, boxes=self.boxes[kept], labels=self.labels[kept], scores=self.scores[kept])

    def draw(self, *, legend: Collection[str] | None = None) -> np.ndarray:
        """Draw what was found over the image, with a legend under it.

        Args:
            legend: names of the classes in it, in which all pictures of a video agree; those found by default. Without
                any there is no legend.

        Returns:
            (H + legend, W, 3) uint8, RGB.
        """
        drawn = draw_boxes(self.image, self.boxes, self.labels, classes=self.classes, scores=self.scores)
        return add_legend(drawn, self.labels, classes=self.classes, names=legend)

    def to_message(self) -> dict[str, object]:
        """Return plain values: `detections`, of each `label` (class index), `score` and `box` (xyxy, pixels)."""
        found = zip(self.labels.tolist(), self.scores.tolist(), self.boxes.tolist(), strict=True)
        return {"detections": [{"label": label, "score": score, "box": box} for label, score, box in found]}

    def to_row(self) -> dict[str, object]:
        """Return plain values, of all boxes: `labels` (class indices), `scores` and `boxes` (xyxy, pixels)."""
        return {"labels": self.labels.tolist(), "scores": self.scores.tolist(), "boxes": self.boxes.tolist()}
