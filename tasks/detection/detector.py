"""A detector in use: images in, boxes with classes and scores out; it knows neither a trainer nor targets."""

import torch
from torch import Tensor, nn

from data.sizes import Size
from heads.ssdlite import RawDetections, SSDLite
from tasks.detection.postprocess import Detections, postprocess
from tasks.models.description import Description
from tasks.models.network import build_model
from tasks.models.normalization import normalize


class Detector(nn.Module):
    """Normalise, backbone, head, postprocess; its weights bear the names that checkpoints hold.

    Args:
        description: of the model, with an input size and postprocessing.

    Attributes:
        description: the same.
        size: (height, width) in pixels of the images that it takes.
        anchors: (A, 4), xyxy in these pixels.

    Raises:
        ValueError: if the description is of another kind of model.
    """

    anchors: Tensor

    def __init__(self, description: Description) -> None:
        super().__init__()
        network = build_model(description.arch)
        head, size = network.head, description.preprocessing.size
        if not isinstance(head, SSDLite):
            raise ValueError(f"a detector needs the head ssdlite; got {description.arch.head}")
        if not isinstance(size, tuple) or description.postprocessing is None:
            raise ValueError("a detector needs an input size and postprocessing; expected both")
        self.description = description
        self.size = size
        self.postprocessing = description.postprocessing
        self.backbone = network.backbone
        self.head = head
        self.register_buffer("anchors", head.anchors(size), persistent=False)
        self._other_anchors: dict[Size, Tensor] = {}

    @property
    def ends(self) -> tuple[nn.Module, nn.Module]:
        """Where the network begins and where it ends."""
        return self.backbone, self.head

    def anchors_at(self, size: Size) -> Tensor:
        """Return the anchors for images of (height, width), as training at several sizes has them: (A, 4), xyxy."""
        if size == self.size:
            return self.anchors
        found = self._other_anchors.get(size)
        if found is None or found.device != self.anchors.device:
            found = self._other_anchors[size] = self.head.anchors(size).to(self.anchors)
        return found

    def prepare(self, images: Tensor) -> Tensor:
        """Turn images (N, 3, H, W), 0 to 255, into what the backbone takes: (N, 3, H, W) float32."""
        return normalize(images, self.description.preprocessing)

    def raw(self, images: Tensor) -> RawDetections:
        """Predict from images (N, 3, H, W) uint8, before any decoding."""
        raw: RawDetections = self.head(self.backbone(self.prepare(images)))
        return raw

    def forward(self, images: Tensor) -> list[Detections]:
        """Find objects in images (N, 3, *size) uint8; boxes in pixels of `size`."""
        raw = self.raw(images)
        with torch.autocast(images.device.type, enabled=False):
            return postprocess(
                raw,
                self.anchors,
                size=self.size,
                scores=self.description.arch.scores,
                settings=self.postprocessing,
            )


def scale_to(original: tuple[int, int], size: tuple[int, int]) -> tuple[float, float]:
    """Return the factors (x, y) from the network's pixels to those of an image of size `original` (height, width)."""
    return original[1] / size[1], original[0] / size[0]
