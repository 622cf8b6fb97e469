"""From the configuration to a teacher: find it, check that it fits the student, load it."""

import json
import logging
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from data.classes import ClassTable
from data.errors import InputError
from tasks.cli.options import parse, parse_size
from tasks.distillation.settings import Distillation
from tasks.distillation.teacher import Teacher
from tasks.loaders import DETECTION, SEGMENTATION, find_task
from tasks.models.checkpoint import load_checkpoint, load_model
from tasks.models.description import Description
from tasks.models.pretrained.identification import build_empty
from tasks.train.teacher_networks import guess_classes, load_timm, load_torchvision

logger = logging.getLogger(__name__)

TORCHVISION, TIMM = "torchvision:", "timm:"
# Of Arch: which anchors there are, how their logits are read.
ANCHOR_FIELDS = ("anchors", "shapes", "output_stride", "scores")


def load_teacher(config: dict[str, Any], description: Description) -> Teacher | None:
    """Load the teacher that a training configuration asks for; None if it asks for none, as earlier runs do.

    The random numbers of the run are as without it.

    Args:
        config: of the run, plain values.
        description: of the student.

    Raises:
        InputError: if a field is out of range or does nothing, or the teacher cannot be had or does not fit the
            student.
    """
    values = config.get("distill") or {}
    paths = {field: str(values[field]) for field in ("teacher", "weights") if values.get(field) is not None}
    settings: Distillation = parse(Distillation, {**values, **paths}, "distill")
    check_used(settings, head=description.arch.head)
    source = settings.teacher
    if source is None:
        return None
    with torch.random.fork_rng(devices=[]):
        if source.startswith(TIMM):
            size = parse_size(config["size"], "size")
            network, channels = load_timm(source.removeprefix(TIMM), find_weights(settings), size=size)
            teacher = Teacher(network, settings, projection=build_projection(description, channels))
        elif source.startswith(TORCHVISION):
            teacher = teach_with_torchvision(settings, description)
        else:
            teacher = teach_with_checkpoint(settings, description)
    parameters = sum(parameter.numel() for parameter in teacher.network.parameters())
    logger.info("teacher: %s, %.2f M parameters", source, parameters / 1e6)
    return teacher


def check_used(settings: Distillation, *, head: str) -> None:
    """Check that every setting that was given changes something.

    Raises:
        InputError: naming one that does not, and why.
    """
    unused: tuple[str, ...]
    if settings.teacher is None:
        unused, where = ("weight", "temperature", "box_weight"), "without distill.teacher"
    elif settings.teacher.startswith(TIMM):
        unused, where = ("temperature", "box_weight"), f"with the features of {settings.teacher}"
    elif find_task(head) is SEGMENTATION:
        unused, where = ("box_weight",), f"for {head}, which has no boxes"
    else:
        return
    for field in unused:
        if getattr(settings, field) != getattr(Distillation, field):
            raise InputError(f"distill.{field}: does nothing {where}; expected it left out")


def find_weights(settings: Distillation) -> Path:
    """Return the file that a network of another package needs.

    Raises:
        InputError: if none is given.
    """
    if settings.weights is None:
        raise InputError(
            f"distill.weights: none for {settings.teacher}; expected a file of its weights, none is fetched"
        )
    return Path(settings.weights)


def build_projection(description: Description, channels: int) -> nn.Conv2d:
    """Return the convolution from the student's C5 to the channels of a teacher's map."""
    return nn.Conv2d(build_empty(description.arch).backbone.taps["C5"].channels, channels, 1)


def teach_with_torchvision(settings: Distillation, description: Description) -> Teacher:
    """Load one of torchvision's segmenters.

    Raises:
        InputError: if it does not fit the student.
    """
    if find_task(description.arch.head) is not SEGMENTATION:
        raise InputError(
            f"distill.teacher={settings.teacher}: a segmenter for {description.arch.head}; expected lraspp"
        )
    network, count = load_torchvision(str(settings.teacher).removeprefix(TORCHVISION), find_weights(settings))
    theirs = guess_classes(count, description.classes)
    return Teacher(network, settings, places=place_classes(theirs, description.classes, source=str(settings.teacher)))


def teach_with_checkpoint(settings: Distillation, description: Description) -> Teacher:
    """Load a model of this project, or one that `checkpoint=` takes elsewhere.

    Raises:
        InputError: if it cannot be read, or does not fit the student.
    """
    source = str(settings.teacher)
    if settings.weights is not None:
        raise InputError(f"distill.weights: {settings.weights!r}; {source} has its own, expected none")
    try:
        known, tensors = load_checkpoint(Path(source))
        task = find_task(known.arch.head)
        if task is not find_task(description.arch.head):
            raise InputError(f"{source} is of {known.arch.head}; expected a teacher for {description.arch.head}")
        if task is DETECTION:
            check_anchors(known, description, source=source)
        network = task.module(known)
        network.model = load_model(known, tensors)
    except InputError as error:
        raise InputError(f"distill.teacher: {error}") from error
    return Teacher(network, settings, places=place_classes(known.classes, description.classes, source=source))


def check_anchors(known: Description, description: Description, *, source: str) -> None:
    """Check that a detector has the student's anchors and that its logits are read alike.

    Raises:
        InputError: naming each field that differs, both values, and the options that would fit.
    """
    both = {f"model.{field}": (getattr(known.arch, field), getattr(description.arch, field)) for field in ANCHOR_FIELDS}
    both["size"] = list(known.preprocessing.size), list(description.preprocessing.size)  # type: ignore[arg-type]
    wrong = {field: values for field, values in both.items() if values[0] != values[1]}
    if wrong:
        said = "; ".join(f"{field}: {theirs} in the teacher, {ours} here" for field, (theirs, ours) in wrong.items())
        options = " ".join(f"{field}={write_value(theirs)}" for field, (theirs, _) in wrong.items())
        if wrong.get("model.scores", ("",))[0] == "softmax":
            options += " loss.assignment=iou"  # which softmax scores need
        raise InputError(f"{source}: {said}; options that fit: {options}")


def write_value(value: Any) -> str:
    """Write a plain value as an option on the command line takes it."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def place_classes(theirs: ClassTable, ours: ClassTable, *, source: str) -> Tensor | None:
    """Find the student's classes among the teacher's, by name.

    Returns:
        (K,) int64, their places; None if both have the same in the same order.

    Raises:
        InputError: naming the classes that the teacher does not know.
    """
    if theirs.names == ours.names:
        return None
    missing = [name for name in ours.names if name not in theirs.names]
    if missing:
        raise InputError(
            f"distill.teacher={source}: does not know {', '.join(map(repr, missing[:20]))}; expected a teacher of all "
            f"classes of the data, this one knows {', '.join(theirs.names[:20])}"
        )
    return torch.tensor([theirs.names.index(name) for name in ours.names])
