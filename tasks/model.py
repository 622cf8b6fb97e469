"""What a model is: the plain description that a checkpoint holds, and the one way to build it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from backbones.mobilenetv3 import HALVINGS, OUTPUT_STRIDES, TABLES, TAPS, MobileNetV3
from backbones.taps import Tap
from heads.anchors import LAYOUTS
from heads.lraspp import LRASPP
from heads.ssdlite import RawDetections, SSDLite


@dataclass(frozen=True)
class Arch:
    """Everything that decides which layers a model has.

    Attributes:
        head: "ssdlite" or "lraspp".
        backbone: "large" or "small".
        num_classes: K, without background.
        width: multiplier of the backbone's channels.
        minimalistic: no squeeze-and-excite, h-swish or 5x5 kernels.
        halving: rule for the channels between C4 and C5: "none", "detection" or "segmentation".
        output_stride: stride of C5, 32 or 16.
        bn_eps: added to the variance in batch normalisation.
        bn_momentum: 1 - TensorFlow's decay.
        anchors: of SSDLite: key of `heads.anchors.LAYOUTS`.
        scores: of SSDLite: how its class logits are read: "softmax" or "sigmoid".
        filters: of LR-ASPP: width of its branches.

    Raises:
        ValueError: naming the field, what it held and what is allowed.
    """

    head: str
    backbone: str
    num_classes: int
    width: float = 1.0
    minimalistic: bool = False
    halving: str = "none"
    output_stride: int = 32
    bn_eps: float = 0.001
    bn_momentum: float = 0.01
    anchors: str = "tensorflow"
    scores: str = "softmax"
    filters: int = 128

    def __post_init__(self) -> None:
        choices: dict[str, tuple[object, ...]] = {
            "head": tuple(HEADS),
            "backbone": tuple(TABLES),
            "halving": HALVINGS,
            "output_stride": OUTPUT_STRIDES,
            "anchors": tuple(LAYOUTS),
            "scores": ("sigmoid", "softmax"),
        }
        for field, allowed in choices.items():
            if getattr(self, field) not in allowed:
                raise ValueError(f"model.{field}: unknown {getattr(self, field)!r}; choose from {list(allowed)}")
        for field in ("num_classes", "width", "bn_eps", "bn_momentum", "filters"):
            if not getattr(self, field) > 0:
                raise ValueError(f"model.{field}: {getattr(self, field)!r}; expected a number above 0")


class Model(nn.Module):
    """A head on a backbone: images (N, 3, H, W), normalised -> the head's raw predictions."""

    def __init__(self, backbone: MobileNetV3, head: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def forward(self, images: Tensor) -> RawDetections | Tensor:
        """Predict; see the head for what comes out."""
        return self.head(self.backbone(images))


def build_ssdlite(arch: Arch, taps: Mapping[str, Tap]) -> SSDLite:
    """Return the detection head of `arch`."""
    return SSDLite(
        taps, num_classes=arch.num_classes, layout=arch.anchors, bn_eps=arch.bn_eps, bn_momentum=arch.bn_momentum
    )


def build_lraspp(arch: Arch, taps: Mapping[str, Tap]) -> LRASPP:
    """Return the segmentation head of `arch`."""
    return LRASPP(
        taps, num_classes=arch.num_classes, filters=arch.filters, bn_eps=arch.bn_eps, bn_momentum=arch.bn_momentum
    )


BuildHead = Callable[[Arch, Mapping[str, Tap]], nn.Module]
HEADS: dict[str, tuple[tuple[str, ...], BuildHead]] = {
    "ssdlite": (SSDLite.TAPS, build_ssdlite),
    "lraspp": (LRASPP.TAPS, build_lraspp),
}


def build_model(arch: Arch) -> Model:
    """Build the network that `arch` describes, freshly initialised from torch's random state."""
    taps, build_head = HEADS[arch.head]
    backbone = MobileNetV3(
        arch.backbone,
        taps={name: TAPS[arch.backbone][name] for name in taps},
        width=arch.width,
        minimalistic=arch.minimalistic,
        halving=arch.halving,
        output_stride=arch.output_stride,
        bn_eps=arch.bn_eps,
        bn_momentum=arch.bn_momentum,
    )
    return Model(backbone, build_head(arch, backbone.taps))
