"""Whole files of published weights: how each publisher names the layers, and what all of its models share."""

from collections.abc import Callable, Mapping
from itertools import product
from typing import Any, NamedTuple

from torch import Tensor

from backbones.mobilenetv3 import MobileNetV3
from backbones.tables import find_tail
from backbones.weights import CLASSIFIERS, NAMINGS, Names, name_torchvision
from data.errors import InputError
from heads.anchor_layouts import LEVELS, TORCHVISION
from heads.ssdlite import EXTRAS
from tasks.models.preprocessing import Preprocessing
from tasks.models.pretrained.state_files import describe_keys
from tasks.models.pretrained.timm_names import HALF, IMAGENET

OWN = ("backbone.stem.conv.weight", "backbone.net.conv_stem.weight")


class WeightsLayout(NamedTuple):
    """How a publisher stores a kind of model.

    Attributes:
        marks: tensors that tell it from the others.
        head: of the model.
        outputs: the bias whose length tells the number of classes.
        count_classes: how many they are, by that length.
        cut: whether the last layer may be missing, as in a file of the body alone.
        name_modules: gives our modules -> the publisher's.
        fields: of Arch, that every such model has.
        preprocessing: of every such model; None where the tensors do not show it.
    """

    marks: tuple[str, ...]
    head: str
    outputs: str
    count_classes: Callable[[int], int]
    cut: bool
    name_modules: Callable[[MobileNetV3], Names]
    fields: Mapping[str, Any]
    preprocessing: Preprocessing | None


def name_classifier(publisher: str) -> Callable[[MobileNetV3], Names]:
    """Return the function that names the modules of a publisher's ImageNet classifier."""

    def name_modules(net: MobileNetV3) -> Names:
        backbone = {f"backbone.{ours}": theirs for ours, theirs in NAMINGS[publisher](net).items()}
        return backbone | {f"head.{ours}": theirs for ours, theirs in CLASSIFIERS[publisher].items()}

    return name_modules


def name_ssdlite(net: MobileNetV3) -> Names:
    """Return torchvision's names of an SSDLite: the backbone is cut at C4, inside the first row of its tail."""
    tail = find_tail(net.table)
    names = {}
    for ours, theirs in name_torchvision(net).items():
        _, number, *rest = theirs.split(".")
        row = int(number)
        place: list[int | str] = [0, row, *rest] if row < tail else [1, row - tail, *rest]
        if row == tail:  # rest is "block", index of the layer, ...
            place = [0, tail, *rest[2:]] if rest[1] == "0" else [1, 0, *rest[1:]]
        names[f"backbone.{ours}"] = ".".join(["backbone.features", *map(str, place)])
    for level, layer in product(range(len(EXTRAS)), range(3)):
        for index, part in enumerate(("conv", "norm")):
            names[f"head.extras.{level}.{layer}.{part}"] = f"backbone.extra.{level}.{layer}.{index}"
    for ours, theirs in (("class_predictors", "classification_head"), ("box_predictors", "regression_head")):
        for level in range(LEVELS):
            root = f"head.{theirs}.module_list.{level}"
            names |= {f"head.{ours}.{level}.0.conv": f"{root}.0.0", f"head.{ours}.{level}.0.norm": f"{root}.0.1"}
            names[f"head.{ours}.{level}.1"] = f"{root}.1"
    return names


def name_lraspp(net: MobileNetV3) -> Names:
    """Return torchvision's names of an LR-ASPP."""
    backbone = name_torchvision(net).items()
    return {f"backbone.{ours}": f"backbone.{theirs.removeprefix('features.')}" for ours, theirs in backbone} | {
        "head.project.conv": "classifier.cbr.0",
        "head.project.norm": "classifier.cbr.1",
        "head.gate.0": "classifier.scale.1",
        "head.classify": "classifier.high_classifier",
        "head.classify_skip": "classifier.low_classifier",
    }


CLASSIFIED = Preprocessing(None, *IMAGENET, resize="antialias")
LAYOUTS = {
    "torchvision ssdlite320": WeightsLayout(
        ("backbone.features.0.0.0.weight", "head.classification_head.module_list.0.1.bias"),
        "ssdlite",
        "head.classification_head.module_list.0.1.bias",
        lambda outputs: outputs // TORCHVISION.per_cell[0] - 1,  # without the background
        False,
        name_ssdlite,
        {"bn_eps": 1e-3, "bn_momentum": 0.03, "anchors": "torchvision", "scores": "softmax"},
        Preprocessing((320, 320), *HALF, resize="bilinear"),
    ),
    "torchvision lraspp": WeightsLayout(
        ("backbone.0.0.weight", "classifier.cbr.0.weight"),
        "lraspp",
        "classifier.low_classifier.bias",
        int,
        False,
        name_lraspp,
        {"bn_eps": 1e-3, "aspp": "torchvision", "output_stride": 16},
        Preprocessing(520, *IMAGENET, resize="antialias"),
    ),
    "torchvision": WeightsLayout(
        ("features.0.0.weight", "features.1.block.0.0.weight"),
        "classifier",
        "classifier.3.bias",
        int,
        True,
        name_classifier("torchvision"),
        {"bn_eps": 1e-3},
        CLASSIFIED,
    ),
    "d-li14": WeightsLayout(
        ("features.0.0.weight", "features.1.conv.0.weight"),
        "classifier",
        "classifier.3.bias",
        int,
        True,
        name_classifier("d-li14"),
        {"bn_eps": 1e-5, "se": "before_act"},
        CLASSIFIED,
    ),
    "timm": WeightsLayout(
        ("conv_stem.weight",), "classifier", "classifier.bias", int, True, name_classifier("timm"), {}, None
    ),
}


def recognize(state: Mapping[str, Tensor], source: str) -> str:
    """Return the key in `LAYOUTS` that a state dict has.

    Raises:
        InputError: naming some of its keys and the layouts.
    """
    found = next((name for name, layout in LAYOUTS.items() if all(mark in state for mark in layout.marks)), None)
    if found is not None:
        return found
    if any(name in state for name in OWN):
        raise InputError(
            f"{source}: tensors of this project without their description; expected the model.safetensors or the .ckpt "
            "of a run, which holds it"
        )
    raise InputError(
        f"{source}: holds {describe_keys(dict(state))}; known are the layouts of {', '.join(LAYOUTS)}, and this "
        "project's checkpoints"
    )
