"""A classifier in use: images in, the probability of each class out; it knows neither a trainer nor targets."""

from typing import cast

from torch import Tensor, nn
from torchvision.ops import StochasticDepth

from backbones.blocks import InvertedResidual
from backbones.mobilenetv3 import MobileNetV3
from backbones.zoo import TimmBackbone
from data.errors import InputError
from heads.classifier import ClassifierHead
from tasks.classification.settings import Regularization
from tasks.models.description import Description
from tasks.models.network import build_model
from tasks.models.normalization import normalize


class Classifier(nn.Module):
    """Normalise, backbone, head, softmax or sigmoid; its weights bear the names that checkpoints hold.

    Args:
        description: of the model.
        regularization: what is left out in training; no layer with weights changes.

    Attributes:
        description: the same.

    Raises:
        ValueError: if the description is of another kind of model.
        InputError: if blocks are to be left out of a network that has none of ours.
    """

    def __init__(self, description: Description, *, regularization: Regularization | None = None) -> None:
        super().__init__()
        network = build_model(description.arch)
        if not isinstance(network.head, ClassifierHead):
            raise ValueError(f"a classifier needs the head classifier; got {description.arch.head}")
        self.description = description
        self.backbone = network.backbone
        self.head = network.head
        if regularization is not None:
            self.head.dropout.p = regularization.dropout
            if regularization.drop_path:
                drop_paths(self.backbone, regularization.drop_path)

    @property
    def ends(self) -> tuple[nn.Module, nn.Module]:
        """Where the network begins and where it ends."""
        return self.backbone, self.head

    def prepare(self, images: Tensor) -> Tensor:
        """Turn images (N, 3, H, W), 0 to 255, into what the backbone takes: (N, 3, H, W) float32."""
        return normalize(images, self.description.preprocessing)

    def raw(self, images: Tensor) -> Tensor:
        """Predict logits (N, K) float32 from images (N, 3, H, W), 0 to 255."""
        logits: Tensor = self.head(self.backbone(self.prepare(images)))
        return logits.float()

    def forward(self, images: Tensor) -> Tensor:
        """Predict the probability of each class (N, K) float32 from images (N, 3, H, W), 0 to 255."""
        return to_scores(self.raw(images), self.description.arch.scores)


def to_scores(logits: Tensor, scores: str) -> Tensor:
    """Turn logits (N, K) into probabilities: by "softmax" of one class an image, by "sigmoid" of each by itself."""
    return logits.softmax(1) if scores == "softmax" else logits.sigmoid()


def drop_paths(backbone: MobileNetV3 | TimmBackbone, share: float) -> None:
    """Have residual blocks left out for some images in training, in place: the last for `share` of them.

    Raises:
        InputError: if the network is not MobileNetV3.
    """
    if not isinstance(backbone, MobileNetV3):
        raise InputError(f"regularization.drop_path: {share}; expected 0, as MobileNetV3 alone has it")
    count = len(backbone.blocks)
    for number, block in enumerate(backbone.blocks, start=1):
        if isinstance(block, InvertedResidual) and block.residual:
            cast(nn.Sequential, block.project).append(StochasticDepth(share * number / count, "row"))
