"""From the plain description of a model to the network: the one way to build it."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from backbones import baselines
from backbones.mobilenetv3 import ACTIVATIONS, MobileNetV3, find_table, vary
from backbones.tables import Table, find_taps
from backbones.taps import Tap
from backbones.zoo import TimmBackbone
from data.errors import InputError
from heads.anchor_layouts import LAYOUTS, AnchorLayout, Shape
from heads.classifier import ClassifierHead
from heads.lraspp import LRASPP
from heads.raspp import RASPP
from heads.ssdlite import RawDetections, SSDLite
from tasks.models.architecture import Arch
from tasks.models.quantization import quantize

V4_HIDDEN = 1280  # of the classifier, whatever the width (arXiv:2404.10518, tables 11 to 15)


class Model(nn.Module):
    """A head on a backbone: images (N, 3, H, W), normalised -> the head's raw predictions."""

    def __init__(self, backbone: MobileNetV3 | TimmBackbone, head: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def forward(self, images: Tensor) -> RawDetections | Tensor:
        """Predict; see the head for what comes out."""
        return self.head(self.backbone(images))


def choose_table(arch: Arch) -> Table:
    """Return the published rows of a MobileNetV3, or its own."""
    return arch.table or find_table(arch.backbone)


def resolve_table(arch: Arch) -> Table:
    """Return the rows that a MobileNetV3 has, whatever width, halving and the like made of those that it began with."""
    return vary(choose_table(arch), width=arch.width, minimalistic=arch.minimalistic, halving=arch.halving)


def choose_layout(arch: Arch) -> AnchorLayout:
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
        extras=arch.extras,
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


def build_classifier(arch: Arch, taps: Mapping[str, Tap]) -> ClassifierHead:
    """Return the ImageNet classifier of `arch`."""
    if arch.backbone in baselines.BASELINES:
        hidden = V4_HIDDEN if arch.backbone in baselines.V4 else None  # of the others, C5 itself is that layer
        return ClassifierHead(taps, num_classes=arch.num_classes, hidden=hidden, act=nn.ReLU)
    table = resolve_table(arch)
    return ClassifierHead(taps, num_classes=arch.num_classes, hidden=table.hidden, act=ACTIVATIONS[table.NL])


BuildHead = Callable[[Arch, Mapping[str, Tap]], nn.Module]
BUILDERS: dict[str, tuple[tuple[str, ...], BuildHead]] = {
    "ssdlite": (SSDLite.TAPS, build_ssdlite),
    "lraspp": (LRASPP.TAPS, build_lraspp),
    "raspp": (RASPP.TAPS, build_raspp),
    "classifier": (ClassifierHead.TAPS, build_classifier),
}


def choose_taps(arch: Arch, extra: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return where the head's maps and the extra ones come from: name -> the backbone's tap point."""
    if arch.backbone in baselines.BASELINES:
        points: dict[str, Any] = dict(baselines.TAPS[arch.backbone])
        if arch.head in ("lraspp", "raspp"):
            points["C5"] = points["body"]
    else:
        points = dict(find_taps(choose_table(arch)))
        if arch.aspp == "torchvision":
            points["skip"] = points["low"]
    return {tap: points[tap] for tap in (*BUILDERS[arch.head][0], *extra)}


def build_backbone(arch: Arch, extra: tuple[str, ...] = ()) -> MobileNetV3 | TimmBackbone:
    """Return the backbone of `arch`, with the taps of its head and the extra ones."""
    shared: dict[str, Any] = {
        "taps": choose_taps(arch, extra),
        **{field: getattr(arch, field) for field in ("width", "halving", "output_stride", "bn_eps", "bn_momentum")},
    }
    if arch.backbone in baselines.BASELINES:
        return TimmBackbone(arch.backbone, **shared)
    return MobileNetV3(
        choose_table(arch),
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
    model = Model(backbone, BUILDERS[arch.head][1](arch, backbone.taps))
    if arch.quantized:
        quantize(model)
    return model
