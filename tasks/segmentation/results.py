"""The masks of predictions as files; complete after every image, whatever comes next."""

from pathlib import Path

import numpy as np
from PIL import Image

from data.samples import IGNORE
from tasks.drawing.images import write_picture
from tasks.segmentation.prediction import MaskPrediction


class LabelMasks:
    """Masks as PNG files whose values are the data set's own label ids and whose palette holds the classes' colours."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)  # of several processes the first makes it

    def write(self, prediction: MaskPrediction) -> None:
        """Write NAME.png; pixels of classes that were left out are 255 or the value in its place, and white."""
        kind = np.min_scalar_type(max(prediction.classes.ids))
        ids = np.full(IGNORE + 1, prediction.classes.no_class, kind)
        ids[: len(prediction.classes)] = prediction.classes.ids
        image = Image.fromarray(ids[prediction.mask])
        if kind == np.uint8:  # masks of 16 bits have no palette
            palette = np.full((IGNORE + 1, 3), 255, np.uint8)
            palette[list(prediction.classes.ids)] = prediction.classes.colors
            image.putpalette(palette.tobytes())
        write_picture(image, self.folder / f"{prediction.name}.png")

    def close(self) -> None:
        """Do nothing: each file is closed."""


class MaskTally:
    """Counts the classes that masks hold."""

    def __init__(self) -> None:
        self.classes: set[int] = set()

    def write(self, prediction: MaskPrediction) -> None:
        """Take note of the classes of an image."""
        self.classes.update(np.unique(prediction.mask).tolist())

    def add(self, other: "MaskTally") -> None:
        """Count what another process has counted."""
        self.classes |= other.classes

    def close(self) -> None:
        """Do nothing: there is no file."""

    def __str__(self) -> str:
        count = len(self.classes - {IGNORE})
        return f"masks of {count} {'class' if count == 1 else 'classes'}"
