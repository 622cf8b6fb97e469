"""From the logits of the tiles of an image, or of all of it at once, to one prediction."""

from collections.abc import Collection

import numpy as np
from torch import Tensor

from data.sizes import Size
from data.streams.sources import Frame
from data.streams.tiling import Tile
from tasks.models.description import Description
from tasks.segmentation.blending import Blend
from tasks.segmentation.postprocess import postprocess, resize_logits
from tasks.segmentation.prediction import MaskPrediction


class MaskAssembly:
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

    def finish(self, *, classes: Collection[str] | None) -> MaskPrediction:
        """Return the best class of each pixel, those of other classes than these ignored."""
        mask = self.blend.finish() if self.mask is None else self.mask
        return MaskPrediction(**vars(self.frame), classes=self.description.classes, mask=mask).keep(classes=classes)
