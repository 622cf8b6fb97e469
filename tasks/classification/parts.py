"""A classifier's part in every command, under the names that each task has for it; see `tasks.parts.Parts`."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from torch import Tensor, nn

from data.batches import collate_classification
from data.class_transforms import ClassificationResize, ClassificationTransform
from data.classes import ClassTable
from data.datasets import open_labels
from data.errors import InputError
from data.readers import LabelReader
from data.samples import ClassificationSample, space_evenly
from data.sizes import Size
from tasks.classification.assembly import ClassAssembly
from tasks.classification.classifier import Classifier
from tasks.classification.examination import check_evaluation, check_files, examine, plot_labels
from tasks.classification.exported import ExportedClassifier, describe_decoding, describe_outputs
from tasks.classification.graph import ClassifierGraph
from tasks.classification.layers import list_layers
from tasks.classification.module import ClassificationModule
from tasks.classification.options import ClassificationOptions
from tasks.classification.pictures import draw_pair, draw_sample, list_classes
from tasks.classification.report import ClassificationEvaluation, build_metric
from tasks.classification.results import ClassTally, CsvResults, ScoreResults
from tasks.classification.thresholds import usual_threshold
from tasks.distillation import networks
from tasks.distillation.teacher import Teacher
from tasks.models.architecture import Arch
from tasks.models.description import Description
from tasks.optimization import Optimization

__all__ = [
    "check_evaluation",
    "check_files",
    "describe_decoding",
    "describe_outputs",
    "draw_pair",
    "draw_sample",
    "examine",
    "list_classes",
    "list_layers",
    "plot_labels",
    "usual_threshold",
]

Tally = ClassTally
RESULTS = {"csv": ("results.csv", CsvResults), "scores": ("scores.csv", ScoreResults)}
build = Classifier
build_graph = ClassifierGraph
use_exported = ExportedClassifier
open_reader = open_labels
resize = resize_whole = ClassificationResize
collate = collate_classification
evaluate = ClassificationEvaluation
assemble = ClassAssembly


def augment(options: ClassificationOptions, *, size: Size, rule: str, deferred: bool) -> ClassificationTransform:
    """Return what happens to a training sample before it enters a network of this input size; nothing is deferred."""
    own = options.augmentation
    return ClassificationTransform(
        size, area=own.area, flip=own.flip, color=own.color, policy=own.policy, erase=own.erase, rule=rule
    )


def follow_data(description: Description, reader: LabelReader) -> Arch:
    """Return the architecture, of which nothing follows the data."""
    return description.arch


def announce(description: Description, reader: LabelReader) -> None:
    """Say nothing: there is nothing of the architecture that data could fail to fit."""


def choose_few(reader: LabelReader, count: int) -> Sequence[int]:
    """Return images spread over all, at most so many, as neighbours are often of one class."""
    return space_evenly(len(reader), count)


def build_module(
    description: Description,
    options: ClassificationOptions,
    *,
    optimization: Optimization,
    teacher: Teacher | None,
    reader: LabelReader,
) -> ClassificationModule:
    """Build a classifier in training, evaluated on a reader."""
    return ClassificationModule(
        Classifier(description, regularization=options.regularization),
        optimization=optimization,
        loss=options.loss,
        augmentation=options.augmentation,
        teacher=teacher,
        metric=build_metric(description),
    )


def check_teacher(known: Description, student: Description, *, source: str) -> None:
    """Check that a teacher reads its logits as the student does.

    Raises:
        InputError: if it does not.
    """
    if known.arch.scores != student.arch.scores:
        raise InputError(f"{source} has model.scores={known.arch.scores}; expected {student.arch.scores}")


def load_torchvision(name: str, find_weights: Callable[[], Path], classes: ClassTable) -> tuple[nn.Module, ClassTable]:
    """Load one of torchvision's classifiers as a teacher; its classes are taken to be the student's, in their order.

    Raises:
        InputError: if it cannot be had, or has another number of classes.
    """
    network, count = networks.load_torchvision_classifier(name, find_weights())
    if count != len(classes):
        raise InputError(f"distill.weights: {count} classes without names, {len(classes)} here; expected as many")
    return network, classes


def infer(model: Classifier | ExportedClassifier, images: Tensor) -> list[Tensor]:
    """Return what an assembly takes, scores (K,), for each of the images (N, 3, H, W) uint8."""
    return list(model(images))


def predict(model: Classifier | ExportedClassifier, images: Tensor, *, size: Size) -> Tensor:
    """Do all that it takes from images (N, 3, H, W) uint8 to scores (N, K); `size` is what they had before."""
    scores: Tensor = model(images)
    return scores


def blank_sample(size: Size) -> ClassificationSample:
    """Return an image of noise of one class, of (height, width)."""
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    return ClassificationSample(image, np.ones(1, dtype=bool), "noise")
