"""What tells tasks apart, and the only place that does: a row a task, and a folder of the same name with its code.

A row holds what can be known before torch is imported, so that a command checks its options at once. `Task.parts` is
the module `tasks/KIND/parts.py`, which has every function of `Parts`: whatever a command does with a model, a data set
or a prediction it does through these.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import cast

from data.errors import InputError
from tasks.classification.options import ClassificationOptions
from tasks.detection.options import DetectionOptions
from tasks.parts import Parts
from tasks.segmentation.options import SegmentationOptions


@dataclass(frozen=True)
class Task:
    """One task.

    Attributes:
        kind: its name, and that of its folder in tasks/.
        recipe: its default one, a name in conf/task/.
        options: the part of a training recipe that is this task's own.
        formats: the data sets that it learns from, names in conf/dataset/.
        metric: the number that a model is judged by.
        label_metric: the same of a model whose images may have several labels; None where there is no such model.
        learned: value of the metric from which a few images count as overfitted.
        big: the metrics that a report shows first.
        per_class: the entry of metrics.json with a number a class, and that number's name.
        finds: what a model gives, in words.
        scores: whether what it finds has scores, which thresholds decide by.
        averages: whether its scores can be averaged over scales and mirror images.
        distills: the settings of distillation that change what it learns.
        one_size: whether all images have one size in use, so that several go through a model at once.
        looks_whole: whether an image that is cut into tiles goes through the model whole too.
        export_options: those of tasks.export that are this task's own.
        raw_output: the same, set so that the raw predictions of the network are exported.
        device_augmentation: whether mirror images and colours can be left to the device, see `data.deferred`.
        usual_classes: how many the best-known data set has: COCO, Cityscapes, ImageNet.
        usual_image: (height, width) in pixels of its images.
    """

    kind: str
    recipe: str
    options: type[ClassificationOptions] | type[DetectionOptions] | type[SegmentationOptions]
    formats: tuple[str, ...]
    metric: str
    label_metric: str | None
    learned: float
    big: tuple[str, ...]
    per_class: tuple[str, str]
    finds: str
    scores: bool
    averages: bool
    distills: tuple[str, ...]
    one_size: bool
    looks_whole: bool
    export_options: tuple[str, ...]
    raw_output: tuple[tuple[str, object], ...]
    device_augmentation: bool
    usual_classes: int
    usual_image: tuple[int, int]

    @property
    def parts(self) -> Parts:
        """The task's code."""
        return cast(Parts, import_module(f"tasks.{self.kind}.parts"))

    def judge_by(self, scores: str) -> str:
        """Return the metric of a model whose logits are read by "softmax" or "sigmoid"."""
        return self.label_metric if self.label_metric is not None and scores == "sigmoid" else self.metric


DETECTION = Task(
    kind="detection",
    recipe="ssdlite",
    options=DetectionOptions,
    formats=("coco", "stream", "synthetic", "voc", "yolo"),
    metric="mAP",
    label_metric=None,
    learned=0.7,
    big=("mAP", "AP50", "AP75"),
    per_class=("per_class", "AP"),
    finds="boxes",
    scores=True,
    averages=False,
    distills=("weight", "temperature", "box_weight"),
    one_size=True,
    looks_whole=True,
    export_options=("nms", "candidates"),
    raw_output=(("nms", False),),
    device_augmentation=True,
    usual_classes=80,
    usual_image=(480, 640),
)
SEGMENTATION = Task(
    kind="segmentation",
    recipe="lraspp",
    options=SegmentationOptions,
    formats=("cityscapes", "masks", "stream", "synthetic"),
    metric="mIoU",
    label_metric=None,
    learned=0.8,
    big=("mIoU", "pixel_accuracy", "boundary F1"),
    per_class=("iou", "IoU"),
    finds="masks",
    scores=False,
    averages=True,
    distills=("weight", "temperature"),
    one_size=False,
    looks_whole=False,
    export_options=("argmax", "scores"),
    raw_output=(("argmax", "none"),),
    device_augmentation=True,
    usual_classes=19,
    usual_image=(1024, 2048),
)
CLASSIFICATION = Task(
    kind="classification",
    recipe="classify",
    options=ClassificationOptions,
    formats=("csv", "folder", "imagenet", "stream", "synthetic"),
    metric="top1",
    label_metric="macro_AP",
    learned=0.9,
    big=("top1", "top5", "macro_AP", "macro_F1"),
    per_class=("per_class", "F1"),
    finds="classes",
    scores=True,
    averages=False,
    distills=("weight", "temperature"),
    one_size=True,
    looks_whole=True,
    export_options=(),
    raw_output=(),
    device_augmentation=False,
    usual_classes=1000,
    usual_image=(500, 375),
)
TASKS = {"ssdlite": DETECTION, "lraspp": SEGMENTATION, "raspp": SEGMENTATION, "classifier": CLASSIFICATION}  # by head
KINDS = {task.kind: task for task in TASKS.values()}


def find_task(head: str) -> Task:
    """Return the task of a head.

    Raises:
        InputError: if there is no such head.
    """
    if head not in TASKS:
        raise InputError(f"model.head: unknown {head!r}; choose from {sorted(TASKS)}")
    return TASKS[head]


def check_serves(task: Task, dataset: str) -> None:
    """Check that a data set has what a task learns from.

    Raises:
        InputError: naming the data sets that do, and a task that this one serves.
    """
    if dataset not in task.formats:
        fitting = next((other.recipe for other in KINDS.values() if dataset in other.formats), None)
        hint = f", or task={fitting}" if fitting else ""
        choices = ", ".join(task.formats)
        raise InputError(f"dataset={dataset} is not for {task.kind}; choose from {choices}{hint}")
