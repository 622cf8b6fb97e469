"""What a segmenter found in one image: a class for each pixel."""

import base64
from collections.abc import Collection
from dataclasses import dataclass, replace
from io import BytesIO

import numpy as np
from PIL import Image

from data.classes import ClassTable, find_classes
from data.samples import IGNORE
from data.streams.sources import Frame
from tasks.drawing.images import add_legend, draw_mask


@dataclass(frozen=True, kw_only=True)
class MaskPrediction(Frame):
    """An image with the class of each of its pixels.

    Attributes:
        classes: the K classes of the model.
        mask: (H, W) uint8, class indices, IGNORE where a class was left out.
    """

    classes: ClassTable
    mask: np.ndarray

    def keep(self, *, classes: Collection[str] | None = None) -> "MaskPrediction":
        """Return it without the pixels of other classes.

        Args:
            classes: names that are kept; None for all.

        Raises:
            InputError: if the model does not know a class.
        """
        wanted = find_classes(self.classes, classes)
        if len(wanted) == len(self.classes):
            return self
        return replace(self, mask=np.where(np.isin(self.mask, wanted), self.mask, np.uint8(IGNORE)))

    def draw(self, *, legend: Collection[str] | None = None) -> np.ndarray:
        """Draw what was found over the image, with a legend under it.

        Args:
            legend: names of the classes in it, in which all pictures of a video agree; those found by default. Without
                any there is no legend.

        Returns:
            (H + legend, W, 3) uint8, RGB.
        """
        drawn = draw_mask(self.image, self.mask, classes=self.classes)
        return add_legend(drawn, self.mask, classes=self.classes, names=legend)

    def to_message(self) -> dict[str, object]:
        """Return plain values: `mask` (see `encode_mask`) and `pixels`, how many of each class."""
        pixels = np.bincount(self.mask.ravel(), minlength=len(self.classes))[: len(self.classes)]
        return {"mask": encode_mask(self.mask, self.classes), "pixels": pixels.tolist()}

    def to_row(self) -> dict[str, object]:
        """Return plain values, as a message has them."""
        return self.to_message()


def encode_mask(mask: np.ndarray, classes: ClassTable) -> str:
    """Turn class indices (H, W) into a PNG file with the classes' colours as its palette, as a data address."""
    palette = np.zeros((256, 3), np.uint8)  # whole: with fewer colours a pixel would not be one byte
    palette[: len(classes)] = classes.colors
    image = Image.fromarray(mask.astype(np.uint8)).convert("P")
    image.putpalette(palette.tobytes())
    file = BytesIO()
    image.save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
