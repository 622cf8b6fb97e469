"""The layers of a classifier's head, as they are timed one by one."""

from collections.abc import Mapping

from torch import nn

from backbones.mobilenetv3 import ACTIVATIONS
from backbones.taps import Tap
from heads.classifier import ClassifierHead
from tasks.models.architecture import Arch
from tasks.models.layers import Layer, OnC5, Shape
from tasks.models.network import resolve_table


def make_classifier(*, c_in: int, hidden: int, classes: int, NL: str) -> nn.Module:  # noqa: N803
    """Build the head on C5."""
    taps = {"C5": Tap("C5", c_in, 32)}
    return OnC5(ClassifierHead(taps, num_classes=classes, hidden=hidden, act=ACTIVATIONS[NL]))


def list_layers(arch: Arch, maps: Mapping[str, Shape]) -> list[Layer]:
    """Return the one layer that the head is."""
    table = resolve_table(arch)
    settings = (("c_in", maps["C5"][0]), ("hidden", table.hidden), ("classes", arch.num_classes), ("NL", table.NL))
    return [Layer("classifier", settings, maps["C5"], make_classifier)]
