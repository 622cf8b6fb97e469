"""What a model is: the plain description that a checkpoint holds."""

import math
from dataclasses import dataclass

from backbones.baselines import BASELINES, list_halvings, list_widths
from backbones.tables import HALVINGS, MOST_CHANNELS, OUTPUT_STRIDES, PADDINGS, SE_ORDERS, TABLES, Table
from data.classes import MOST_CLASSES
from heads.anchor_layouts import LAYOUTS, LEVELS
from heads.lraspp_conventions import CONVENTIONS

HEADS = {"ssdlite": "SSDLite", "lraspp": "LR-ASPP", "raspp": "R-ASPP", "classifier": "classifier"}  # name -> title
EXTRA_LEVELS = LEVELS - 2  # of SSDLite, behind C4 and C5
OWN_TABLE = "table"  # backbone of a model that has rows of its own
TITLES = HEADS | {"large": "MobileNetV3-Large", "small": "MobileNetV3-Small", OWN_TABLE: "MobileNetV3 of its own rows"}

MOST = {"num_classes": MOST_CLASSES, "width": 4, "filters": 4096}  # of what a file may ask for


@dataclass(frozen=True)
class Arch:
    """Everything that decides which layers a model has.

    Attributes:
        head: "ssdlite", "lraspp", "raspp" or "classifier".
        backbone: "large" or "small" (MobileNetV3), one of `backbones.baselines.BASELINES`, or "table".
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
        scores: of SSDLite and the classifier: how class logits are read: "softmax" or "sigmoid".
        filters: of LR-ASPP and R-ASPP: width of the branches.
        extras: of SSDLite: (half, out) channels of each level behind C5; None for the published ones times the width.
        aspp: of LR-ASPP: "tensorflow" or "torchvision" (MobileNetV3): skip, gate, resizing, and which rows are dilated.
        table: rows of its own, with backbone "table".
        quantized: whether norms are folded and convolutions round to 8 bits, see `tasks.models.quantization`.

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
    extras: tuple[tuple[int, int], ...] | None = None
    aspp: str = "tensorflow"
    table: Table | None = None
    quantized: bool = False

    def __post_init__(self) -> None:
        choices: dict[str, tuple[object, ...]] = {
            "head": tuple(HEADS),
            "backbone": (*TABLES, OWN_TABLE, *BASELINES),
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
        for field, most in MOST.items():
            if not getattr(self, field) <= most:
                raise ValueError(f"model.{field}: {getattr(self, field)!r}; expected at most {most}")
        if self.shapes is not None:
            self._check_shapes()
        if self.head == "raspp":
            self._check("aspp", ("tensorflow",), owner=" with head raspp")
        if self.extras is not None:
            self._check_extras(self.extras)
        if self.backbone in BASELINES:
            self._check_baseline()
        if (self.backbone == OWN_TABLE) != (self.table is not None):
            given = "none" if self.table is None else "rows"
            raise ValueError(f"model.table: {given} with backbone {self.backbone}; expected both: backbone=FILE.yaml")
        if self.backbone == OWN_TABLE:
            self._check_table()

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
                raise ValueError(f"model.shapes: {pair!r} is not a pair of numbers above 0; {expected}")

    def _check_extras(self, extras: tuple[tuple[int, int], ...]) -> None:
        """Refuse extra levels that are not as many as the published ones, or have no channels."""
        channels = [each for pair in extras for each in pair]
        if len(extras) != EXTRA_LEVELS or not all(type(c) is int and 1 <= c <= MOST_CHANNELS for c in channels):
            raise ValueError(f"model.extras: {extras!r}; expected {EXTRA_LEVELS} pairs (half, out) of channels")

    def _check_table(self) -> None:
        """Refuse what changes rows: those of a table are as they are."""
        owner = f" with backbone {self.backbone}"
        for field, value in (("width", 1.0), ("halving", "none"), ("minimalistic", False)):
            self._check(field, (value,), owner=owner)

    def _check_baseline(self) -> None:
        """Refuse what only MobileNetV3 has."""
        owner = f" with backbone {self.backbone}"
        allowed: dict[str, tuple[object, ...] | None] = {
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


def name_network(head: str, backbone: str) -> str:
    """Return a network's name for people: "SSDLite on MobileNetV3-Large"."""
    return " on ".join(TITLES.get(name, name) for name in (head, backbone) if name)
