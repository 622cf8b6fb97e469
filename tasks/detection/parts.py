"""A detector's part in every command, under the names that each task has for it; see `tasks.parts.Parts`."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from torch import Tensor, nn

from data.batches import collate_detection
from data.classes import ClassTable
from data.datasets import open_boxes
from data.errors import InputError
from data.readers import BoxReader
from data.samples import DetectionSample
from data.sizes import Size
from data.transforms import DetectionResize, DetectionTransform
from tasks.detection.anchor_fit import announce, check_anchors, follow_data
from tasks.detection.assembly import BoxAssembly
from tasks.detection.detector import Detector
from tasks.detection.examination import check_files, examine, plot_labels
from tasks.detection.exported import ExportedDetector, describe_decoding, describe_outputs
from tasks.detection.graph import DetectorGraph
from tasks.detection.layers import list_layers
from tasks.detection.limits import check_evaluation
from tasks.detection.metrics import DetectionMetric
from tasks.detection.module import DetectionModule
from tasks.detection.options import DetectionOptions
from tasks.detection.pictures import draw_pair, draw_sample, list_classes
from tasks.detection.postprocess import Detections
from tasks.detection.report import DetectionEvaluation
from tasks.detection.results import BoxTally, CsvResults, JsonResults
from tasks.distillation.teacher import Teacher
from tasks.models.architecture import Arch
from tasks.models.description import Description
from tasks.optimization import Optimization

__all__ = [
    "announce",
    "check_evaluation",
    "check_files",
    "describe_decoding",
    "describe_outputs",
    "draw_pair",
    "draw_sample",
    "examine",
    "follow_data",
    "list_classes",
    "list_layers",
    "plot_labels",
]

Tally = BoxTally
RESULTS = {"coco": ("results.json", JsonResults), "csv": ("results.csv", CsvResults)}
build = Detector
build_graph = DetectorGraph
use_exported = ExportedDetector
open_reader = open_boxes
resize = resize_whole = DetectionResize
collate = collate_detection
check_teacher = check_anchors
evaluate = DetectionEvaluation
assemble = BoxAssembly


def usual_threshold(arch: Arch) -> float:
    """Return the lowest score of a box that is shown, where neither caller nor checkpoint says."""
    return 0.5


def augment(options: DetectionOptions, *, size: Size, rule: str, deferred: bool) -> DetectionTransform:
    """Return what happens to a training sample before it enters a network of this input size."""
    settings = options.augmentation
    return DetectionTransform(size, crop=settings.crop, color=settings.color, rule=rule, deferred=deferred)


def choose_few(reader: BoxReader, count: int) -> Sequence[int]:
    """Return the first images, at most so many: which are to be overfitted."""
    return range(min(count, len(reader)))


def build_module(
    description: Description,
    options: DetectionOptions,
    *,
    optimization: Optimization,
    teacher: Teacher | None,
    reader: BoxReader,
) -> DetectionModule:
    """Build a detector in training, evaluated on a reader."""
    return DetectionModule(
        Detector(description),
        optimization=optimization,
        loss=options.loss,
        teacher=teacher,
        metric=DetectionMetric(reader),
    )


def load_torchvision(name: str, find_weights: Callable[[], Path], classes: ClassTable) -> tuple[nn.Module, ClassTable]:
    """Refuse torchvision's networks as teachers: its detectors have other anchors.

    Raises:
        InputError: always.
    """
    raise InputError(f"distill.teacher=torchvision:{name}: a segmenter for ssdlite; expected lraspp")


def infer(model: Detector | ExportedDetector, images: Tensor) -> list[Detections]:
    """Return what an assembly takes, for each of the images (N, 3, H, W) uint8."""
    found: list[Detections] = model(images)
    return found


def predict(model: Detector | ExportedDetector, images: Tensor, *, size: Size) -> list[Detections]:
    """Do all that it takes from images (N, 3, H, W) uint8 to a result; `size` is what they had before."""
    return infer(model, images)


def blank_sample(size: Size) -> DetectionSample:
    """Return an image of noise without boxes, of (height, width)."""
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    return DetectionSample(image, np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, bool), image_id=1)
