"""A segmenter's part in every command, under the names that each task has for it; see `tasks.parts.Parts`."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from torch import Tensor, nn

from data.batches import collate_segmentation
from data.classes import ClassTable
from data.datasets import open_masks
from data.findings import Report
from data.readers import MaskReader
from data.samples import SegmentationSample
from data.sizes import Size
from data.streams.sources import Frame
from data.transforms import SegmentationResize, SegmentationTransform, WholeImage
from heads.fcn import FCN
from tasks.distillation import networks
from tasks.distillation.teacher import Teacher
from tasks.models.architecture import Arch
from tasks.models.description import Description
from tasks.optimization import Optimization
from tasks.segmentation.assembly import MaskAssembly
from tasks.segmentation.examination import check_files, examine, plot_labels
from tasks.segmentation.exported import ExportedSegmenter, describe_decoding, describe_outputs
from tasks.segmentation.graph import SegmenterGraph
from tasks.segmentation.layers import list_layers
from tasks.segmentation.metrics import SegmentationMetric
from tasks.segmentation.module import SegmentationModule
from tasks.segmentation.options import SegmentationOptions
from tasks.segmentation.pictures import draw_pair, draw_sample, list_classes
from tasks.segmentation.report import PREDICTIONS, SegmentationEvaluation
from tasks.segmentation.results import LabelMasks, MaskTally
from tasks.segmentation.segmenter import Segmenter

__all__ = [
    "check_files",
    "describe_decoding",
    "describe_outputs",
    "draw_pair",
    "draw_sample",
    "examine",
    "list_classes",
    "list_layers",
    "plot_labels",
]

Tally = MaskTally
RESULTS = {"png": (PREDICTIONS, LabelMasks)}
build = Segmenter
build_graph = SegmenterGraph
use_exported = ExportedSegmenter
open_reader = open_masks
resize = SegmentationResize
resize_whole = WholeImage
collate = collate_segmentation
evaluate = SegmentationEvaluation


def usual_threshold(arch: Arch) -> float:
    """Return one half, by which nothing is decided: pixels have no scores that are shown."""
    return 0.5


def augment(options: SegmentationOptions, *, size: Size, rule: str, deferred: bool) -> SegmentationTransform:
    """Return what happens to a training sample before it enters a network as a crop of this size."""
    settings = options.augmentation
    return SegmentationTransform(
        size, scales=settings.scales, color=settings.color, rare_crops=settings.rare_crops, deferred=deferred
    )


def follow_data(description: Description, reader: MaskReader) -> Arch:
    """Return the architecture, of which nothing follows the data."""
    return description.arch


def announce(description: Description, reader: MaskReader) -> None:
    """Say nothing: there is nothing of the architecture that data could fail to fit."""


def choose_few(reader: MaskReader, count: int) -> Sequence[int]:
    """Return the first images, at most so many: which are to be overfitted."""
    return range(min(count, len(reader)))


def build_module(
    description: Description,
    options: SegmentationOptions,
    *,
    optimization: Optimization,
    teacher: Teacher | None,
    reader: MaskReader,
) -> SegmentationModule:
    """Build a segmenter in training, evaluated on a reader."""
    return SegmentationModule(
        Segmenter(description, extra=FCN.TAPS if options.loss.aux_weight else ()),
        optimization=optimization,
        loss=options.loss,
        teacher=teacher,
        metric=SegmentationMetric(description.classes),
    )


def check_teacher(known: Description, student: Description, *, source: str) -> None:
    """Accept any segmenter as a teacher: its masks are resized to the student's."""


def load_torchvision(name: str, find_weights: Callable[[], Path], classes: ClassTable) -> tuple[nn.Module, ClassTable]:
    """Load one of torchvision's segmenters as a teacher, and name its classes.

    Raises:
        InputError: if it cannot be had, or its number of classes fits neither VOC's nor the student's.
    """
    network, count = networks.load_torchvision(name, find_weights())
    return network, networks.guess_classes(count, classes)


def assemble(frame: Frame, description: Description, *, threshold: float | tuple[float, ...]) -> MaskAssembly:
    """Begin to gather the tiles of an image; pixels have no scores that a threshold could decide by."""
    return MaskAssembly(frame, description)


def check_evaluation(description: Description, reader: MaskReader, *, report: Report, split: str) -> None:
    """Report nothing: every labelled pixel counts."""


def infer(model: Segmenter | ExportedSegmenter, images: Tensor) -> list[Tensor]:
    """Return what an assembly takes, logits (K, H, W), for each of the images (N, 3, H, W) uint8."""
    return list(model.raw(images))


def predict(model: Segmenter | ExportedSegmenter, images: Tensor, *, size: Size) -> Tensor:
    """Do all that it takes from images (N, 3, H, W) uint8 to masks (N, *size)."""
    masks: Tensor = model(images, size=size)
    return masks


def blank_sample(size: Size) -> SegmentationSample:
    """Return an image of noise of one class, of (height, width)."""
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    return SegmentationSample(image, np.zeros(size, np.uint8), "noise")
