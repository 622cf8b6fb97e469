"""From the configuration to a teacher: find it, check that it fits the student, load it."""

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from data.classes import ClassTable
from data.errors import InputError
from data.sizes import Size
from tasks.distillation.networks import load_timm
from tasks.distillation.settings import Distillation
from tasks.distillation.teacher import Teacher
from tasks.inference.loading import load_model
from tasks.models.description import Description
from tasks.models.pretrained.identification import build_empty
from tasks.task import find_task

logger = logging.getLogger(__name__)

TORCHVISION, TIMM = "torchvision:", "timm:"


def load_teacher(settings: Distillation, student: Description, *, sizes: Sequence[Size]) -> Teacher | None:
    """Load the teacher that a run asks for; None if it asks for none.

    The random numbers of the run are as without it.

    Args:
        settings: of the run.
        student: that learns.
        sizes: (height, width) in pixels of the images in training, one or several.

    Raises:
        InputError: if a setting does nothing, or the teacher cannot be had or does not fit the student.
    """
    check_used(settings, head=student.arch.head)
    source = settings.teacher
    if source is None:
        return None
    with torch.random.fork_rng(devices=[]):
        if source.startswith(TIMM):
            network, channels = load_timm(source.removeprefix(TIMM), find_weights(settings), sizes=sizes)
            teacher = Teacher(network, settings, projection=build_projection(student, channels))
        elif source.startswith(TORCHVISION):
            teacher = teach_with_torchvision(settings, student)
        else:
            teacher = teach_with_checkpoint(settings, student)
    parameters = sum(parameter.numel() for parameter in teacher.network.parameters())
    logger.info("teacher: %s, %.2f M parameters", source, parameters / 1e6)
    return teacher


def check_used(settings: Distillation, *, head: str) -> None:
    """Check that every setting that was given changes something.

    Raises:
        InputError: naming one that does not, and why.
    """
    task = find_task(head)
    used, where = task.distills, f"for {head}, which gives {task.finds}"
    if settings.teacher is None:
        used, where = (), "without distill.teacher"
    elif settings.teacher.startswith(TIMM):
        used, where = ("weight",), f"with the features of {settings.teacher}"
    for field in ("weight", "temperature", "box_weight"):
        if field not in used and getattr(settings, field) != getattr(Distillation, field):
            raise InputError(f"distill.{field}: does nothing {where}; leave it out")


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


def teach_with_torchvision(settings: Distillation, student: Description) -> Teacher:
    """Load one of torchvision's networks.

    Raises:
        InputError: if it does not fit the student.
    """
    source = str(settings.teacher)
    parts = find_task(student.arch.head).parts
    network, theirs = parts.load_torchvision(
        source.removeprefix(TORCHVISION), partial(find_weights, settings), student.classes
    )
    return Teacher(network, settings, class_map=map_classes(theirs, student.classes, source=source))


def teach_with_checkpoint(settings: Distillation, student: Description) -> Teacher:
    """Load a model of this project, or one that `checkpoint=` takes elsewhere.

    Raises:
        InputError: if it cannot be read, or does not fit the student.
    """
    source = str(settings.teacher)
    if settings.weights is not None:
        raise InputError(f"distill.weights: {settings.weights!r}; {source} has its own, expected none")
    try:
        model = load_model(Path(source))
        known, task = model.description, find_task(student.arch.head)
        if find_task(known.arch.head) is not task:
            raise InputError(f"{source} is of {known.arch.head}; expected a teacher for {student.arch.head}")
        task.parts.check_teacher(known, student, source=source)
    except InputError as error:
        raise InputError(f"distill.teacher: {error}") from error
    class_map = map_classes(known.classes, student.classes, source=source)
    return Teacher(model, settings, answer=model.raw, class_map=class_map)


def map_classes(theirs: ClassTable, ours: ClassTable, *, source: str) -> Tensor | None:
    """Find the student's classes among the teacher's, by name.

    Returns:
        (K,) int64, their indices; None if both have the same in the same order.

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
