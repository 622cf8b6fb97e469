"""From a configuration to the parts of a run: description, readers, loaders, Lightning module."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from torch.utils.data import DataLoader

from data.datasets import DatasetConfig, open_reader
from data.errors import InputError
from data.loading import Transformed, build_loader, collate_detection, collate_segmentation
from data.transforms import DetectionResize, DetectionTransform, SegmentationResize, SegmentationTransform
from tasks.description import Description
from tasks.detection.losses import LossSettings as DetectionLossSettings
from tasks.detection.module import DetectionModule
from tasks.detection.postprocess import Postprocessing
from tasks.detection.report import write_report as write_detection_report
from tasks.model import Arch
from tasks.options import Size, count_workers, parse, parse_eval_size, parse_size
from tasks.preprocessing import Preprocessing
from tasks.segmentation.losses import LossSettings as SegmentationLossSettings
from tasks.segmentation.module import SegmentationModule
from tasks.segmentation.report import write_report as write_segmentation_report


@dataclass(frozen=True)
class Task:
    """What depends on the task: the kind of data, and the classes and functions that handle it."""

    kind: str
    module: type[DetectionModule] | type[SegmentationModule]
    loss: type[DetectionLossSettings] | type[SegmentationLossSettings]
    augment: Callable[..., Any]
    resize: Callable[..., Any]
    collate: Callable[[Any], Any]
    write_report: Callable[[Path, Any, Any], dict[str, Any]]


DETECTION = Task(
    "detection",
    DetectionModule,
    DetectionLossSettings,
    DetectionTransform,
    DetectionResize,
    collate_detection,
    write_detection_report,
)
SEGMENTATION = Task(
    "segmentation",
    SegmentationModule,
    SegmentationLossSettings,
    SegmentationTransform,
    SegmentationResize,
    collate_segmentation,
    write_segmentation_report,
)
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
    """Describe the model that a training configuration asks for, for data of these classes."""
    task = find_task(config["model"]["head"])
    if task is DETECTION:
        size: Size | int | None = parse_size(config["size"], "size")
    else:
        size = parse_eval_size(config["eval_size"], "eval_size")
    normalization = {name: tuple(v) if isinstance(v, list) else v for name, v in config["preprocessing"].items()}
    return Description(
        arch=parse(Arch, {**config["model"], "num_classes": len(classes)}, "model"),
        classes=classes,
        preprocessing=parse(Preprocessing, {"size": size, **normalization}, "preprocessing"),
        postprocessing=parse(Postprocessing, config["postprocessing"], "postprocessing") if task is DETECTION else None,
        dataset=config["dataset"],
    )


def open_split(head: str, dataset: dict[str, Any], split: Literal["train", "val"], *, classes: Any = None) -> Any:
    """Open the configured training or evaluation split for the task of `head`."""
    named = {key: str(value) if key in ("root", "train", "val") else value for key, value in dataset.items()}
    config = parse(DatasetConfig, named, "dataset")
    return open_reader(find_task(head).kind, config, split=named[split], classes=classes)


def build_train_loader(reader: Any, config: dict[str, Any]) -> DataLoader:
    """Return the loader of augmented, shuffled batches."""
    task = find_task(config["model"]["head"])
    settings = {"size": parse_size(config["size"], "size"), **config["augmentation"]}
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
