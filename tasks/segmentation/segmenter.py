"""A segmenter in use: images in, a class for each pixel out; it knows neither a trainer nor targets."""

from torch import Tensor, nn

from heads.lraspp import LRASPP
from heads.raspp import RASPP
from tasks.models.description import Description
from tasks.models.network import build_model
from tasks.models.normalization import normalize
from tasks.segmentation.postprocess import pad_to_grid, postprocess
from tasks.segmentation.upsampling import Upsampling


class Segmenter(nn.Module):
    """Normalise, pad, backbone, head, postprocess; its weights bear the names that checkpoints hold.

    Args:
        description: of the model.
        extra: maps that the backbone gives beside its head's, for a head in training; no layer changes.

    Attributes:
        description: the same.

    Raises:
        ValueError: if the description is of another kind of model.
    """

    def __init__(self, description: Description, *, extra: tuple[str, ...] = ()) -> None:
        super().__init__()
        network = build_model(description.arch, extra=extra)
        if not isinstance(network.head, LRASPP | RASPP):
            raise ValueError(f"a segmenter needs the head lraspp or raspp; got {description.arch.head}")
        self.description = description
        self.backbone = network.backbone
        self.head = network.head

    @property
    def ends(self) -> tuple[nn.Module, nn.Module]:
        """Where the network begins and where it ends."""
        return self.backbone, self.head

    def prepare(self, images: Tensor) -> Tensor:
        """Turn images (N, 3, H, W), 0 to 255, into what the backbone takes: (N, 3, H', W') float32, padded."""
        x = normalize(images, self.description.preprocessing)
        return pad_to_grid(x, stride=self.description.arch.output_stride) if self.head.align_corners else x

    def upsampling(self, padded: Tensor) -> Upsampling:
        """Return how a head's logits are resized to a padded input (N, 3, H', W')."""
        return Upsampling((padded.shape[2], padded.shape[3]), self.head.align_corners)

    def raw(self, images: Tensor) -> Tensor:
        """Predict logits (N, K, H, W) float32 from images (N, 3, H, W) uint8."""
        x = self.prepare(images)
        return self.upsampling(x).resize(self.head(self.backbone(x)), cut=(images.shape[2], images.shape[3]))

    def forward(self, images: Tensor, *, size: tuple[int, int] | None = None) -> Tensor:
        """Classify each pixel of images (N, 3, H, W) uint8: class indices int64, (N, *size), by default (N, H, W)."""
        return postprocess(self.raw(images), size=size or (images.shape[-2], images.shape[-1]))
