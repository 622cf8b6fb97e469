"""What a model is: the plain description that a checkpoint holds, and the one way to build it."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from backbones import baselines, tables
from backbones.baselines import BASELINES, list_halvings, list_widths
from backbones.blocks import make_divisible
from backbones.mobilenetv3 import MobileNetV3
from backbones.tables import HALVINGS, OUTPUT_STRIDES, PADDINGS, SE_ORDERS, TABLES
from backbones.taps import Tap
from backbones.zoo import TimmBackbone
from data.errors import InputError
from heads.anchor_layouts import LAYOUTS, Layout, Shape
from heads.classifier import Classifier
from heads.lraspp import LRASPP
from heads.lraspp_conventions import CONVENTIONS
from heads.raspp import RASPP
from heads.ssdlite import RawDetections, SSDLite

HIDDEN = {"large": 1280, "small": 1024}  # of the classifier


@dataclass(frozen=True)
class Arch:
    """Everything that decides which layers a model has.

    Attributes:
        head: "ssdlite", "lraspp", "raspp" or "classifier".
        backbone: "large" or "small" (MobileNetV3), or one of `backbones.baselines.BASELINES`.
        num_classes: K, without background.
        width: multiplier of the backbone's channels.
        minimalistic: no squeeze-and-excite, h-swish or 5x5 kernels (MobileNetV3).
        halving: rule for the channels between C4 and C5: "none", "detection" or "segmentation".
        output_stride: stride of C5, 32 or 16.
        bn_eps: added to the variance in the batch normalisation of the backbone and of SSDLite.
        bn_momentum: 1 - TensorFlow's decay.
        padding: of strided convolutions, "symmetric" or TensorFlow's "same" (MobileNetV3).
        se: squeeze-and-excite "after_act" or "before_act" of the depthwise convolution (MobileNetV3).
        anchors: of SSDLite: key of `heads.anchor_layouts.LAYOUTS`.
        shapes: of these anchors, (scale, ratio) in the layout's order, level by level; None for the layout's own.
        scores: of SSDLite: how its class logits are read: "softmax" or "sigmoid".
        filters: of LR-ASPP and R-ASPP: width of the branches.
        aspp: of LR-ASPP: "tensorflow" or "torchvision" (MobileNetV3): skip, gate, resizing, and which rows are dilated.

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
    padding: str = "symmetric"
    se: str = "after_act"
    anchors: str = "tensorflow"
    shapes: tuple[tuple[tuple[float, float], ...], ...] | None = None
    scores: str = "softmax"
    filters: int = 128
    aspp: str = "tensorflow"

    def __post_init__(self) -> None:
        choices: dict[str, tuple[object, ...]] = {
            "head": tuple(HEADS),
            "backbone": (*TABLES, *BASELINES),
            "halving": HALVINGS,
            "output_stride": OUTPUT_STRIDES,
            "padding": PADDINGS,
            "se": SE_ORDERS,
            "anchors": tuple(LAYOUTS),
            "scores": ("sigmoid", "softmax"),
            "aspp": tuple(CONVENTIONS),
        }
        for field, allowed in choices.items():
            self._check(field, allowed)
        for field in ("num_classes", "width", "bn_eps", "bn_momentum", "filters"):
            if not getattr(self, field) > 0:
                raise ValueError(f"model.{field}: {getattr(self, field)!r}; expected a number above 0")
        if self.shapes is not None:
            self._check_shapes()
        if self.head == "raspp":
            self._check("aspp", ("tensorflow",), owner=" with head raspp")
        if self.backbone in BASELINES:
            self._check_baseline()

    def _check(self, field: str, allowed: tuple[object, ...], *, owner: str = "") -> None:
        if getattr(self, field) not in allowed:
            choose = f"{owner}; choose from" if owner else "; choose from"
            raise ValueError(f"model.{field}: unknown {getattr(self, field)!r}{choose} {list(allowed)}")

    def _check_shapes(self) -> None:
        """Refuse shapes that are not as many as in the layout, or that are no shapes."""
        wanted = LAYOUTS[self.anchors].per_cell
        expected = f"expected null, data, or {list(wanted)} pairs (scale, ratio) a level"
        levels = self.shapes if isinstance(self.shapes, tuple) else ()
        if tuple(len(level) if isinstance(level, tuple) else 0 for level in levels) != wanted:
            raise ValueError(f"model.shapes: {self.shapes!r}; {expected}")
        for pair in (pair for level in levels for pair in level):
            numbers = isinstance(pair, tuple) and len(pair) == 2 and all(type(v) in (int, float) for v in pair)
            if not numbers or not all(0 < value < math.inf for value in pair):
                raise ValueError(f"model.shapes: {pair!r} is no pair of numbers above 0; {expected}")

    def _check_baseline(self) -> None:
        """Refuse what only MobileNetV3 has."""
        owner = f" with backbone {self.backbone}"
        allowed: dict[str, tuple[object, ...] | None] = {
            "head": tuple(head for head in HEADS if head != "classifier"),
            "width": list_widths(self.backbone),
            "halving": list_halvings(self.backbone),
            "minimalistic": (False,),
            "padding": ("symmetric",),
            "se": ("after_act",),
            "aspp": ("tensorflow",),
        }
        for field, values in allowed.items():
            if values is not None:
                self._check(field, values, owner=owner)


class Model(nn.Module):
    """A head on a backbone: images (N, 3, H, W), normalised -> the head's raw predictions."""

    def __init__(self, backbone: MobileNetV3 | TimmBackbone, head: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def forward(self, images: Tensor) -> RawDetections | Tensor:
        """Predict; see the head for what comes out."""
        return self.head(self.backbone(images))


def choose_layout(arch: Arch) -> Layout:
    """Return the anchors of a detector: its layout, with shapes of its own where it has them."""
    layout = LAYOUTS[arch.anchors]
    if arch.shapes is None:
        return layout
    return layout._replace(levels=tuple(tuple(Shape(*pair) for pair in level) for level in arch.shapes))


def build_ssdlite(arch: Arch, taps: Mapping[str, Tap]) -> SSDLite:
    """Return the detection head of `arch`."""
    return SSDLite(
        taps,
        num_classes=arch.num_classes,
        layout=choose_layout(arch),
        width=arch.width,
        padding=arch.padding,
        bn_eps=arch.bn_eps,
        bn_momentum=arch.bn_momentum,
    )


def build_lraspp(arch: Arch, taps: Mapping[str, Tap]) -> LRASPP:
    """Return the segmentation head of `arch`."""
    return LRASPP(
        taps,
        num_classes=arch.num_classes,
        filters=arch.filters,
        convention=arch.aspp,
        bn_momentum=arch.bn_momentum,
    )


def build_raspp(arch: Arch, taps: Mapping[str, Tap]) -> RASPP:
    """Return the older segmentation head of `arch`."""
    return RASPP(taps, num_classes=arch.num_classes, filters=arch.filters, bn_momentum=arch.bn_momentum)


def build_classifier(arch: Arch, taps: Mapping[str, Tap]) -> Classifier:
    """Return the ImageNet classifier of `arch`."""
    hidden = make_divisible(HIDDEN[arch.backbone] * max(1.0, arch.width))
    act = nn.ReLU if arch.minimalistic else nn.Hardswish
    return Classifier(taps, num_classes=arch.num_classes, hidden=hidden, act=act)


BuildHead = Callable[[Arch, Mapping[str, Tap]], nn.Module]
HEADS: dict[str, tuple[tuple[str, ...], BuildHead]] = {
    "ssdlite": (SSDLite.TAPS, build_ssdlite),
    "lraspp": (LRASPP.TAPS, build_lraspp),
    "raspp": (RASPP.TAPS, build_raspp),
    "classifier": (Classifier.TAPS, build_classifier),
}


def choose_taps(arch: Arch, extra: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return where the head's maps and the extra ones come from: name -> the backbone's tap point."""
    if arch.backbone in BASELINES:
        points: dict[str, Any] = dict(baselines.TAPS[arch.backbone])
        if arch.head in ("lraspp", "raspp"):
            points["C5"] = points["body"]
    else:
        points = dict(tables.TAPS[arch.backbone])
        if arch.aspp == "torchvision":
            points["skip"] = points["low"]
    return {tap: points[tap] for tap in (*HEADS[arch.head][0], *extra)}


def build_backbone(arch: Arch, extra: tuple[str, ...] = ()) -> MobileNetV3 | TimmBackbone:
    """Return the backbone of `arch`, with the taps of its head and the extra ones."""
    shared: dict[str, Any] = {
        "taps": choose_taps(arch, extra),
        **{field: getattr(arch, field) for field in ("width", "halving", "output_stride", "bn_eps", "bn_momentum")},
    }
    if arch.backbone in BASELINES:
        return TimmBackbone(arch.backbone, **shared)
    return MobileNetV3(
        arch.backbone,
        **shared,
        minimalistic=arch.minimalistic,
        dilate_strided=arch.aspp == "torchvision",
        padding=arch.padding,
        se=arch.se,
    )


def build_model(arch: Arch, *, extra: tuple[str, ...] = ()) -> Model:
    """Build the network that `arch` describes, freshly initialised from torch's random state.

    Args:
        arch: its layers.
        extra: names of maps that the backbone gives beside its head's, for a head in training; no layer changes.

    Raises:
        InputError: if the backbone needs timm, which is not installed.
    """
    try:
        backbone = build_backbone(arch, extra)
    except ModuleNotFoundError as error:
        raise InputError(f"model.backbone: {arch.backbone} {error}") from error
    return Model(backbone, HEADS[arch.head][1](arch, backbone.taps))


TITLES = {
    "ssdlite": "SSDLite",
    "lraspp": "LR-ASPP",
    "raspp": "R-ASPP",
    "large": "MobileNetV3-Large",
    "small": "MobileNetV3-Small",
}


def name_network(head: str, backbone: str) -> str:
    """Return a network's name for people: "SSDLite on MobileNetV3-Large"."""
    return " on ".join(TITLES.get(name, name) for name in (head, backbone) if name)
