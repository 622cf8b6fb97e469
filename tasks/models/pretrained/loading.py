"""Start a training run from weights: read them, check that they fit, carry them over."""

import logging
import re
from dataclasses import asdict, replace
from pathlib import Path

from torch import Tensor, nn

from backbones.baselines import BASELINES
from data.classes import ClassTable
from data.errors import InputError
from tasks.models.architecture import OWN_TABLE, Arch
from tasks.models.description import Description, read_description
from tasks.models.network import resolve_table
from tasks.models.pretrained.halved_tail import BACKBONE, keep_fitting, log_carried, may_carry
from tasks.models.pretrained.identification import Weights, read_state
from tasks.models.pretrained.published import SOURCES, fetch, with_classes
from tasks.models.pretrained.state_files import read_state_file

logger = logging.getLogger(__name__)

# Fields of Arch that decide the shapes or the meaning of the tensors: of the backbone, of each head.
BACKBONE_FIELDS = ("backbone", "width", "minimalistic", "halving")
HEAD_FIELDS: dict[str, tuple[str, ...]] = {
    "ssdlite": ("anchors", "scores", "extras"),
    "lraspp": ("filters", "aspp", "output_stride"),
    "raspp": ("filters", "output_stride"),
    "classifier": (),
}
TAKEN_OVER = ("bn_eps", "padding", "se", "shapes")  # fields of Arch; the shapes with a detection head alone
# The tensors of each head with one row a class, and whether a slot for the background comes first.
CLASS_LAYERS = {
    "ssdlite": (re.compile(r"head\.class_predictors\.\d+\.1\."), True),
    **dict.fromkeys(("lraspp", "raspp", "classifier"), (re.compile(r"head\.classify(_skip)?\."), False)),
}
RENEWED = ("classifier",)  # heads whose class layer begins anew where nobody says what their classes are


def read_weights(source: str, arch: Arch) -> Weights:
    """Read published weights or a file.

    Args:
        source: one of `SOURCES`, or the path of a file in torchvision's, timm's, d-li14's or this project's layout.
        arch: of the model that is to take them.

    Raises:
        InputError: if they cannot be had or read, or are of no network that this project has.
    """
    if source in SOURCES:
        return fetch(source, arch)
    path = Path(source)
    if not path.is_file():
        raise InputError(f"weights: no file {source}; expected a file of weights, or one of {', '.join(SOURCES)}")
    file = read_state_file(path)
    if file.values is None:
        weights = read_state(source, file.tensors, arch=arch)
        return with_classes(weights, path=path, wanted=arch.num_classes)
    known = read_description(path, file.values)
    return Weights(source, known.arch, file.tensors, known.classes, known.preprocessing)


def adopt(weights: Weights, description: Description) -> Description:
    """Check that weights fit a model, and take over from them what changes no shape.

    Returns:
        The description with the weights' epsilon, padding, place of squeeze-and-excite, anchors' shapes, mean, std and
        resize rule.

    Raises:
        InputError: naming the fields that differ and the options that would fit, or the numbers of classes.
    """
    check_fields(weights, description.arch)
    check_count(weights, description.arch)
    fields = {field: getattr(weights.arch, field) for field in TAKEN_OVER}
    if weights.head != description.arch.head:
        fields["shapes"] = description.arch.shapes
    entry = {field: getattr(weights.preprocessing, field) for field in ("mean", "std", "resize")}
    adopted = replace(
        description,
        arch=replace(description.arch, **fields),
        preprocessing=replace(description.preprocessing, **entry),
    )
    before = {**{field: getattr(description.arch, field) for field in fields}, **asdict(description.preprocessing)}
    changed = {field: value for field, value in {**fields, **entry}.items() if value != before[field]}
    if changed.pop("shapes", 0) != 0:
        logger.info("weights=%s: their anchor shapes are used", weights.source)
    said = ", ".join(f"{field} {value} instead of {before[field]}" for field, value in changed.items()) or "nothing"
    logger.info("weights=%s: settings taken from them: %s", weights.source, said)
    return adopted


def check_fields(weights: Weights, arch: Arch) -> None:
    """Check what decides the shapes or the meaning of the tensors.

    Raises:
        InputError: naming each field that differs, both values, and the options that would fit.
    """
    fields = BACKBONE_FIELDS + (HEAD_FIELDS[arch.head] if weights.head == arch.head else ())
    if may_carry(weights.arch, arch, head=weights.head):
        fields = tuple(field for field in fields if field != "halving")
    if OWN_TABLE in (weights.arch.backbone, arch.backbone):
        check_rows(weights, arch)
        fields = tuple(field for field in fields if field not in BACKBONE_FIELDS)
    values = {field: (getattr(weights.arch, field), getattr(arch, field)) for field in fields}
    wrong = {field: both for field, both in values.items() if both[0] != both[1]}
    if not wrong:
        return
    said = "; ".join(f"model.{field}: {both[0]!r} in the weights, {both[1]!r} here" for field, both in wrong.items())
    groups = {"backbone": "backbone"}  # options that are no fields of `model`
    options = " ".join(f"{groups.get(field, f'model.{field}')}={str(both[0]).lower()}" for field, both in wrong.items())
    if weights.source in ("coco", "voc") and weights.head == arch.head:
        options += f", or task={arch.head}_torchvision"
    if wrong.get("scores", ("",))[0] == "softmax":
        options += " loss.assignment=iou"  # which softmax scores need
    raise InputError(f"weights={weights.source}: {said}; options that fit: {options}")


def check_rows(weights: Weights, arch: Arch) -> None:
    """Check that weights are of a backbone of the same rows, whoever named them.

    Raises:
        InputError: naming the first row or layer that differs, or the backbone that has no rows.
    """
    if not {weights.arch.backbone, arch.backbone}.isdisjoint(BASELINES):
        names = f"backbone={weights.arch.backbone} in the weights, {arch.backbone} here"
        raise InputError(f"weights={weights.source}: {names}; expected a network of the same rows")
    theirs, ours = resolve_table(weights.arch), resolve_table(arch)
    if len(theirs.rows) != len(ours.rows):
        raise InputError(f"weights={weights.source}: {len(theirs.rows)} rows in the weights, {len(ours.rows)} here")
    pairs = [(f"row {n}", a, b) for n, (a, b) in enumerate(zip(theirs.rows, ours.rows, strict=True), start=1)]
    # The hidden layer is of the head; where heads differ it is not loaded.
    layers = ("stem", "last", "NL") + (("hidden",) if weights.head == arch.head == "classifier" else ())
    pairs += [(name, getattr(theirs, name), getattr(ours, name)) for name in layers]
    wrong = next((pair for pair in pairs if pair[1] != pair[2]), None)
    if wrong is not None:
        name, found, expected = wrong
        raise InputError(
            f"weights={weights.source}: {name}: {found} in the weights, {expected} here; expected the same"
        )


def check_count(weights: Weights, arch: Arch) -> None:
    """Check the number of outputs where the weights' classes have no names.

    Raises:
        InputError: naming both numbers.
    """
    found, wanted = weights.arch.num_classes, arch.num_classes
    if weights.head == arch.head and arch.head not in RENEWED and weights.classes is None and found != wanted:
        raise InputError(
            f"weights={weights.source}: {found} classes without names, {wanted} here; expected the same number, in the "
            "same order, or a checkpoint that names them"
        )


def load_weights(model: nn.Module, weights: Weights, description: Description) -> list[str]:
    """Load weights into a fresh model, in place, and say what they leave as it is.

    Rows of classes that the weights do not know keep their values; so does the whole head where it is another one, and
    what is halved of the backbone where it is whole in the weights.

    Args:
        model: of the description.
        weights: which `adopt` has checked.
        description: that `adopt` returned.

    Returns:
        The names of the backbone's tensors that are new.

    Raises:
        InputError: naming the first tensors that are missing, of another shape or of no place.
    """
    whole = weights.head == description.arch.head
    fresh = {name: value for name, value in model.state_dict().items() if whole or name.startswith(BACKBONE)}
    tensors = {name: value for name, value in weights.tensors.items() if name in fresh}
    if whole:
        tensors |= match_classes(weights, tensors, fresh=fresh, classes=description.classes)
    else:
        logger.info("weights=%s: the backbone is loaded, the %s is new", weights.source, description.arch.head)
    wrong = [name for name in fresh if name not in tensors or tensors[name].shape != fresh[name].shape]
    new: list[str] = []
    if may_carry(weights.arch, description.arch, head=weights.head):
        tensors, wrong = keep_fitting(tensors, fresh), []
        log_carried(weights.source, description.arch, tensors, fresh)
        new = [name for name in fresh if name not in tensors]
    if wrong:
        raise InputError(f"weights={weights.source}: missing or of another shape: {', '.join(wrong[:5])}")
    unknown = [name for name in weights.tensors if whole and name not in fresh]
    if unknown:
        raise InputError(f"weights={weights.source}: not of this model: {', '.join(unknown[:5])}")
    model.load_state_dict(tensors, strict=False)
    return new


def match_classes(
    weights: Weights, tensors: dict[str, Tensor], *, fresh: dict[str, Tensor], classes: ClassTable
) -> dict[str, Tensor]:
    """Return the tensors with one row a class, the rows in the order of `classes`, and log what became of each."""
    pattern, background = CLASS_LAYERS[weights.arch.head]
    if weights.classes is None and weights.arch.num_classes != len(classes):
        count = weights.arch.num_classes
        logger.info("weights=%s: %d classes without names: the layer of the classes is new", weights.source, count)
        return {name: fresh[name] for name in tensors if pattern.match(name)}
    if weights.classes is None:
        logger.info("weights=%s: %d classes without names, taken in their order", weights.source, len(classes))
        return {}
    theirs = weights.classes
    if theirs.names == classes.names:
        return {}
    logger.info("weights=%s: other classes\n%s", weights.source, compare_classes(theirs, classes))
    places = {name: place + background for place, name in enumerate(theirs.names)}
    pairs = [(k + background, places[name]) for k, name in enumerate(classes.names) if name in places]
    pairs += [(0, 0)] * background
    outputs = len(classes) + background, len(theirs) + background
    return {
        name: carry_rows(value, to=fresh[name], pairs=pairs, outputs=outputs)
        for name, value in tensors.items()
        if pattern.match(name)
    }


def carry_rows(rows: Tensor, *, to: Tensor, pairs: list[tuple[int, int]], outputs: tuple[int, int]) -> Tensor:
    """Copy the rows of some classes.

    Args:
        rows: (B * theirs, ...), a weight or bias; B is the number of anchors at a cell, 1 for a segmenter.
        to: (B * ours, ...), whose other rows stay.
        pairs: (our output, their output).
        outputs: (ours, theirs), numbers of outputs an anchor or a pixel.

    Returns:
        (B * ours, ...).
    """
    source = rows.reshape(-1, outputs[1], *rows.shape[1:])  # (B, theirs, ...)
    target = to.reshape(-1, outputs[0], *to.shape[1:]).clone()  # (B, ours, ...)
    for ours, theirs in pairs:
        target[:, ours] = source[:, theirs].to(target.dtype)
    return target.reshape(to.shape)


def compare_classes(theirs: ClassTable, ours: ClassTable) -> str:
    """Return a table: each class of ours, and whether its rows come from the weights."""
    width = max(len(name) for name in ours.names)
    lines = [f"  {name:<{width}}  {'carried over' if name in theirs.names else 'new'}" for name in ours.names]
    left = len(set(theirs.names) - set(ours.names))
    return "\n".join([*lines, f"  and {left} classes of the weights that are not here"])
