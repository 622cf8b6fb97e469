"""What a model found in one image: boxes with labels and scores, or a mask."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from data.classes import ClassTable
from data.errors import InputError
from data.samples import IGNORE
from data.streams.sources import Timestamp
from tasks.drawing.images import draw_boxes, draw_legend, draw_mask


def _no_boxes() -> np.ndarray:
    return np.zeros((0, 4))


def _no_labels() -> np.ndarray:
    return np.zeros(0, dtype=np.int64)


def _no_scores() -> np.ndarray:
    return np.zeros(0)


@dataclass(frozen=True)
class Prediction:
    """What a model found in one image.

    Attributes:
        name: of the image, unique in its source; good as the stem of a file.
        image: (H, W, 3) uint8, RGB.
        classes: the K classes of the model.
        file: that the image is from; "" for arrays.
        timestamp: in its video; None for an image.
        boxes: (G, 4) float64, xyxy in pixels of `image`, best score first; none from a segmenter.
        labels: (G,) class indices.
        scores: (G,), 0 to 1.
        mask: (H, W) uint8, class indices, IGNORE where a class was left out; None from a detector.
    """

    name: str
    image: np.ndarray
    classes: ClassTable
    file: str = ""
    timestamp: Timestamp | None = None
    boxes: np.ndarray = field(default_factory=_no_boxes)
    labels: np.ndarray = field(default_factory=_no_labels)
    scores: np.ndarray = field(default_factory=_no_scores)
    mask: np.ndarray | None = None

    def keep(self, *, threshold: float | Sequence[float] = 0.0, classes: Collection[str] | None = None) -> "Prediction":
        """Return it without the boxes of lower scores, and without the boxes or pixels of other classes.

        Args:
            threshold: lowest score kept; one for all classes, or K. Masks have none.
            classes: names that are kept; None for all.

        Raises:
            InputError: if the model does not know a class.
        """
        wanted = find_classes(self.classes, classes)
        limits = np.broadcast_to(threshold, len(self.classes))
        kept = (self.scores >= limits[self.labels]) & np.isin(self.labels, wanted)
        mask = self.mask
        if mask is not None and len(wanted) < len(self.classes):
            mask = np.where(np.isin(mask, wanted), mask, np.uint8(IGNORE))
        return replace(self, boxes=self.boxes[kept], labels=self.labels[kept], scores=self.scores[kept], mask=mask)

    def draw(self, *, legend: Collection[str] | None = None) -> np.ndarray:
        """Draw what was found over the image, with a legend under it.

        Args:
            legend: names of the classes in it, in which all pictures of a video agree; those found by default. Without
                any there is no legend.

        Returns:
            (H + legend, W, 3) uint8, RGB.
        """
        if self.mask is None:
            drawn = draw_boxes(self.image, self.boxes, self.labels, classes=self.classes, scores=self.scores)
        else:
            drawn = draw_mask(self.image, self.mask, classes=self.classes)
        found = self.labels if self.mask is None else self.mask
        shown = found if legend is None else np.array(find_classes(self.classes, legend), dtype=np.int64)
        if not (shown != IGNORE).any():
            return drawn
        return np.vstack([drawn, draw_legend(shown, classes=self.classes, width=drawn.shape[1])])


def find_classes(table: ClassTable, names: str | Collection[str] | None) -> list[int]:
    """Return the indices of classes, one or several; of all where no names are given.

    Raises:
        InputError: if a name is unknown.
    """
    if names is None:
        return list(range(len(table)))
    names = [names] if isinstance(names, str) else names
    unknown = [name for name in names if name not in table.names]
    if unknown:
        raise InputError(f"classes: unknown {', '.join(map(repr, unknown))}; choose from {', '.join(table.names)}")
    return [table.names.index(name) for name in names]
