"""From a configuration to the parts of a run: description, readers, loaders, Lightning module."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from data.classes import ClassTable
from data.config import DatasetConfig
from data.datasets import BOX_FORMATS, MASK_FORMATS, check_serves, open_boxes, open_masks
from data.errors import InputError
from data.findings import Report, refuse
from data.loading import Transformed, build_loader, collate_detection, collate_segmentation
from data.sizes import Size
from data.splits import Role
from data.transforms import DetectionResize, DetectionTransform, SegmentationResize, SegmentationTransform
from heads.anchors import build_anchors
from heads.ssdlite import SSDLite
from tasks.cli.options import count_workers, parse, parse_eval_size, parse_size
from tasks.detection.anchor_shapes import fit_shapes, measure_reach
from tasks.detection.module import DetectionModule
from tasks.detection.settings import LossSettings as DetectionLossSettings
from tasks.models.architecture import Arch
from tasks.models.description import Description, to_tuples
from tasks.models.network import build_model, choose_layout
from tasks.models.postprocessing import Postprocessing
from tasks.models.preprocessing import Preprocessing
from tasks.segmentation.module import SegmentationModule
from tasks.segmentation.settings import LossSettings as SegmentationLossSettings

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """What depends on the task: the kind of data, and the classes and functions that handle it."""

    kind: str
    module: type[DetectionModule] | type[SegmentationModule]
    loss: type[DetectionLossSettings] | type[SegmentationLossSettings]
    augment: Callable[..., Any]
    resize: Callable[..., Any]
    collate: Callable[[Any], Any]


DETECTION = Task(
    "detection",
    DetectionModule,
    DetectionLossSettings,
    DetectionTransform,
    DetectionResize,
    collate_detection,
)
SEGMENTATION = Task(
    "segmentation",
    SegmentationModule,
    SegmentationLossSettings,
    SegmentationTransform,
    SegmentationResize,
    collate_segmentation,
)
FOLLOW_DATA = "data"  # value of model.shapes
TASKS = {"ssdlite": DETECTION, "lraspp": SEGMENTATION, "raspp": SEGMENTATION}


def find_task(head: str) -> Task:
    """Return the task of a head.

    Raises:
        InputError: if there is no such head.
    """
    if head not in TASKS:
        raise InputError(f"model.head: unknown {head!r}; choose from {sorted(TASKS)}")
    return TASKS[head]


def describe(config: dict[str, Any], classes: Any) -> Description:
    """Describe the model that a training configuration asks for, for data of these classes.

    Anchors that are to follow the data are the layout's own, until `fit_anchors` has seen the data.
    """
    task = find_task(config["model"]["head"])
    if task is DETECTION:
        size: Size | int | None = parse_size(config["size"], "size")
    else:
        size = parse_eval_size(config["eval_size"], "eval_size")
    model = {**config["model"], "num_classes": len(classes)}
    if model.get("shapes") == FOLLOW_DATA:
        model["shapes"] = None
    return Description(
        arch=parse(Arch, to_tuples(model), "model"),
        classes=classes,
        preprocessing=parse(Preprocessing, to_tuples({"size": size, **config["preprocessing"]}), "preprocessing"),
        postprocessing=parse(Postprocessing, config["postprocessing"], "postprocessing") if task is DETECTION else None,
        dataset=config["dataset"],
    )


def fit_anchors(config: dict[str, Any], reader: Any) -> None:
    """Write the shapes that follow the reader's boxes into a configuration that asks for them."""
    if config["model"].get("shapes") != FOLLOW_DATA:
        return
    description = describe(config, reader.classes)
    report_reach(description, reader, name="before they follow the data, ")
    boxes, labels, size, strides = gather_boxes(description, reader)
    shapes = fit_shapes(boxes, labels, layout=choose_layout(description.arch), strides=strides, size=size)
    config["model"]["shapes"] = [[list(shape) for shape in level] for level in shapes]


def report_reach(description: Description, reader: Any, *, name: str = "") -> None:
    """Log how many of the reader's boxes the anchors of a detector reach."""
    boxes, labels, size, strides = gather_boxes(description, reader)
    reach = measure_reach(boxes, labels, build_anchors(size, strides=strides, layout=choose_layout(description.arch)))
    least = min(reach.by_class, key=reach.by_class.__getitem__)
    logger.info(
        "anchors: %sthey reach %.1f %% of the training boxes by half or more, %.1f %% of %s; mean of the best IoU %.3f",
        name,
        reach.share * 100,
        reach.by_class[least] * 100,
        description.classes.names[least],
        reach.mean_iou,
    )


def gather_boxes(description: Description, reader: Any) -> tuple[Tensor, Tensor, Size, tuple[int, ...]]:
    """Return boxes (M, 4) and labels (M,) of a reader at a detector's input size, that size, and its levels' strides.

    Raises:
        InputError: if there are no boxes.
    """
    size = cast(Size, description.preprocessing.size)
    with torch.device("meta"):
        strides = cast(SSDLite, build_model(description.arch).head).strides
    boxes, labels = (torch.from_numpy(values) for values in reader.boxes_at(size))
    if not len(boxes):
        raise InputError("dataset.train: no boxes but crowds; a detector learns from boxes")
    return boxes, labels, size, strides


def open_split(
    head: str, dataset: dict[str, Any], role: Role, *, classes: ClassTable | None = None, report: Report = refuse
) -> Any:
    """Open the data to train on or to evaluate on, as configured, for the task of `head`; see `open_boxes`."""
    config = parse_dataset(dataset)
    check_dataset(config.name, head)
    if role == "val":  # what is measured is what `tasks.predict` does, which decodes images whole
        config = replace(config, least_side=None)
    open_reader = open_boxes if find_task(head) is DETECTION else open_masks
    return open_reader(config, role, classes=classes, report=report)


def check_dataset(name: str, head: str) -> None:
    """Check that a data set has what the task of `head` learns from.

    Raises:
        InputError: naming the data sets that have it.
    """
    task = find_task(head)
    formats = BOX_FORMATS if task is DETECTION else MASK_FORMATS
    check_serves(name, formats, purpose=task.kind, others={"task=ssdlite": BOX_FORMATS, "task=lraspp": MASK_FORMATS})


def parse_dataset(dataset: dict[str, Any]) -> DatasetConfig:
    """Check the configuration of a data set."""
    named = {key: str(value) if key in ("root", "train", "val") else value for key, value in dataset.items()}
    return parse(DatasetConfig, named, "dataset")


def build_train_loader(reader: Any, config: dict[str, Any]) -> DataLoader:
    """Return the loader of augmented, shuffled batches."""
    task = find_task(config["model"]["head"])
    settings = {"size": parse_size(config["size"], "size"), **config["augmentation"]}
    least = config["dataset"].get("least_side")
    if least is not None and least < max(settings["size"]):
        raise InputError(f"dataset.least_side: {least}; expected at least {max(settings['size'])}, the network's input")
    if task is DETECTION:
        settings["rule"] = config["preprocessing"]["resize"]
    data = Transformed(reader, parse(task.augment, settings, "augmentation"), seed=config["seed"])
    workers, batch_size = count_workers(config["dataset"]), config["batch_size"]
    return build_loader(data, collate=task.collate, batch_size=batch_size, shuffle=True, workers=workers)


def build_eval_loader(reader: Any, description: Description, *, batch_size: int, workers: int) -> DataLoader:
    """Return the loader of whole images in their own order; segmenters take them one by one, each at its size."""
    task = find_task(description.arch.head)
    resize = task.resize(description.preprocessing.size, rule=description.preprocessing.resize)
    data = Transformed(reader, resize, seed=0)
    batch = batch_size if task is DETECTION else 1
    return build_loader(data, collate=task.collate, batch_size=batch, shuffle=False, workers=workers)
