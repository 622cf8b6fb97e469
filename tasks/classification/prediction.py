"""What a classifier found in one image: the score of each class, and those that hold."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from data.classes import ClassTable, find_classes
from data.streams.sources import Frame
from tasks.classification.pictures import choose_labels, draw_labels, enlarge
from tasks.drawing.images import add_legend


@dataclass(frozen=True, kw_only=True)
class ClassPrediction(Frame):
    """An image with the classes that it shows.

    Attributes:
        classes: the K classes of the model.
        single: whether an image shows one class at most.
        scores: (K,) float64, 0 to 1, of all classes; of one class an image they sum up to 1.
        labels: (L,) class indices, best first: of one class an image the best one, of several all, that score at least
            the threshold and were not left out.
    """

    classes: ClassTable
    single: bool
    scores: np.ndarray
    labels: np.ndarray

    @property
    def names(self) -> list[str]:
        """The names of the classes that the image shows, best first."""
        return [self.classes.names[label] for label in self.labels]

    def draw(self, *, legend: Collection[str] | None = None) -> np.ndarray:
        """Draw the classes over the image, which is enlarged where a tag could not be read.

        Args:
            legend: names of the classes in the legend under it, in which all pictures of a video agree; none by
                default, as the tag says what is there.

        Returns:
            (H + legend, W, 3) uint8, RGB.
        """
        labels = self.labels.tolist()
        drawn = draw_labels(enlarge(self.image), labels, classes=self.classes, scores=self.scores[self.labels].tolist())
        return add_legend(drawn, self.labels, classes=self.classes, names=() if legend is None else legend)

    def to_message(self) -> dict[str, object]:
        """Return plain values: `scores`, of each class."""
        return {"scores": self.scores.tolist()}

    def to_row(self) -> dict[str, object]:
        """Return plain values: `labels` (class indices) that hold, and `scores` of all classes."""
        return {"labels": self.labels.tolist(), "scores": self.scores.tolist()}


def predict_classes(
    frame: Frame,
    scores: np.ndarray,
    *,
    classes: ClassTable,
    single: bool,
    threshold: float | tuple[float, ...],
    wanted: Collection[str] | None,
) -> ClassPrediction:
    """Choose the classes of an image by its scores (K,); see `ClassPrediction` for the arguments.

    Raises:
        InputError: if `wanted` has a name of no class.
    """
    kept = find_classes(classes, wanted)
    labels = [label for label in choose_labels(scores, single=single, threshold=np.array(threshold)) if label in kept]
    chosen = np.array(labels, dtype=np.int64)
    return ClassPrediction(**vars(frame), classes=classes, single=single, scores=scores, labels=chosen)
