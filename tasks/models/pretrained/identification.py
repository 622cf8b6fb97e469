"""Which network a publisher's tensors are of, and the tensors under our names."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from backbones.baselines import BASELINES, NAMED, list_halvings, list_widths
from backbones.mobilenetv3 import MobileNetV3
from backbones.tables import HALVINGS, TABLES
from backbones.weights import MismatchError, convert, find_unused
from data.classes import ClassTable
from data.errors import InputError
from tasks.models.architecture import Arch
from tasks.models.network import Model, build_model
from tasks.models.preprocessing import Preprocessing
from tasks.models.pretrained.layouts import LAYOUTS, WeightsLayout, recognize
from tasks.models.pretrained.timm_names import find_settings

WIDTHS = (1.0, 0.75, 0.5, 0.35, 1.25, 1.4)


@dataclass(frozen=True)
class Weights:
    """Weights under our names, and what is known of them.

    Attributes:
        source: where they come from, for messages.
        arch: the network that they are of.
        tensors: by name, as in `Model`; of the backbone alone where arch.backbone is timm's.
        classes: what the outputs stand for; None where nobody says.
        preprocessing: how images enter it.
    """

    source: str
    arch: Arch
    tensors: dict[str, Tensor]
    classes: ClassTable | None
    preprocessing: Preprocessing

    @property
    def head(self) -> str | None:
        """The head that the tensors hold; None if they are of a backbone alone."""
        return self.arch.head if any(name.startswith("head.") for name in self.tensors) else None


def read_state(source: str, state: Mapping[str, Tensor], *, arch: Arch, path: Path | None = None) -> Weights:
    """Find out what a publisher's state dict is.

    Args:
        source: for messages.
        state: the tensors.
        arch: of the model that is to take them: the first guess.
        path: of the file, which names timm's models.

    Raises:
        InputError: if the layout is unknown, or the network is none that this project has.
    """
    name = recognize(state, source)
    layout, fields, preprocessing = LAYOUTS[name], dict(LAYOUTS[name].fields), LAYOUTS[name].preprocessing
    if preprocessing is None:
        settings = find_settings(Path(source) if path is None else path)
        fields = {"bn_eps": settings.bn_eps, "padding": settings.padding}
        preprocessing = Preprocessing(None, settings.mean, settings.std, resize="antialias")
        if arch.backbone in BASELINES:
            check_architecture(settings.architecture, arch.backbone, source=source)
            found, tensors = identify_baseline(state, replace(arch, bn_eps=settings.bn_eps), source=source)
            return Weights(source, found, tensors, None, preprocessing)
    guess = Arch(layout.head, "large", count_classes(state, layout, source), **fields)
    if layout.head == "lraspp":
        guess = replace(guess, filters=state["classifier.cbr.0.weight"].shape[0])
    found, tensors = identify(state, layout, guess=guess, arch=arch, source=f"{source} ({name})")
    return Weights(source, found, tensors, None, preprocessing)


def count_classes(state: Mapping[str, Tensor], layout: WeightsLayout, source: str) -> int:
    """Return K, without the background of a detector; 1 where a classifier was cut off.

    Raises:
        InputError: if the file of a detector or segmenter lacks the last layer.
    """
    if layout.outputs not in state:
        if layout.cut:
            return 1
        raise InputError(f"{source}: {layout.outputs} is missing; expected the whole model, its last layer included")
    return layout.count_classes(len(state[layout.outputs]))


def build_empty(arch: Arch) -> Model:
    """Build a model without memory for its weights."""
    with torch.device("meta"):
        return build_model(arch)


def identify(
    state: Mapping[str, Tensor], layout: WeightsLayout, *, guess: Arch, arch: Arch, source: str
) -> tuple[Arch, dict[str, Tensor]]:
    """Find the network that takes all tensors of a state dict, trying those of `arch` first.

    Raises:
        InputError: naming the first tensor that does not fit the network of `arch`.
    """
    first = None
    for candidate in list_candidates(guess, arch):
        model = build_empty(candidate)
        names = layout.name_modules(cast(MobileNetV3, model.backbone))
        whole = layout.outputs in state
        like = {name: value for name, value in model.state_dict().items() if whole or name.startswith("backbone.")}
        try:
            return candidate, convert_whole(state, names, like=like)
        except MismatchError as error:
            first = first or f"for {describe_network(candidate)}, {error}"
    raise InputError(f"{source}: no MobileNetV3 that this project has: {first}")


def convert_whole(
    state: Mapping[str, Tensor], names: Mapping[str, str], *, like: Mapping[str, Tensor], parts: tuple[str, ...] = ("",)
) -> dict[str, Tensor]:
    """Convert a state dict of which nothing may be left over in `parts`, the beginnings of its names.

    Raises:
        MismatchError: naming the first tensor that is missing, of another shape, or left over.
    """
    tensors = convert(state, names, like=like)
    unused = [name for name in find_unused(state, names, like=like) if name.startswith(parts)]
    if unused:
        raise MismatchError(f"{unused[0]} has no place")
    return tensors


def list_candidates(guess: Arch, arch: Arch) -> Iterator[Arch]:
    """Yield the networks that a state dict may be of: as `arch` says where it is a MobileNetV3, then all others."""
    if arch.backbone in TABLES:
        fields = ("backbone", "width", "minimalistic", "halving")
        yield replace(guess, **{field: getattr(arch, field) for field in fields})
    for halving, minimalistic, width, backbone in product(HALVINGS, (False, True), WIDTHS, TABLES):
        yield replace(guess, backbone=backbone, width=width, minimalistic=minimalistic, halving=halving)


# timm's names of the networks in `INVERTED`; the others' are in `NAMED`.
INVERTED_NAMES = {"mobilenetv2": re.compile(r"mobilenetv2_\d{3}"), "mnasnet_a1": re.compile(r"semnasnet_\d{3}")}


def check_architecture(name: str, backbone: str, *, source: str) -> None:
    """Check that timm's name is that of a baseline: some of its variants have the same tensors, or more.

    Raises:
        InputError: naming both.
    """
    pattern = INVERTED_NAMES.get(backbone)
    if not (pattern.fullmatch(name) if pattern else name in NAMED[backbone].values()):
        raise InputError(f"{source}: weights of timm's {name}, which is not backbone={backbone}")


def identify_baseline(state: Mapping[str, Tensor], arch: Arch, *, source: str) -> tuple[Arch, dict[str, Tensor]]:
    """Find the width and halving of a baseline, whose layers have timm's names; the backbone's tensors alone.

    Raises:
        InputError: naming the first tensor that does not fit the network of `arch`.
    """
    first = None
    widths = list_widths(arch.backbone) or WIDTHS
    others = (replace(arch, width=w, halving=h) for h, w in product(list_halvings(arch.backbone), widths))
    for candidate in (arch, *others):
        like = {
            name: value for name, value in build_empty(candidate).state_dict().items() if name.startswith("backbone.")
        }
        names = {name.rpartition(".")[0]: name.removeprefix("backbone.net.").rpartition(".")[0] for name in like}
        try:
            return candidate, convert_whole(state, names, like=like, parts=("conv_stem.", "blocks."))
        except MismatchError as error:
            first = first or f"for {describe_network(candidate)}, {error}"
    raise InputError(f"{source}: no {arch.backbone} that this project has: {first}")


def describe_network(arch: Arch) -> str:
    """Return the options that decide the shapes of a backbone."""
    minimal = " model.minimalistic=true" if arch.minimalistic else ""
    return f"backbone={arch.backbone} model.width={arch.width:g} model.halving={arch.halving}{minimal}"
