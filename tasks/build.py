"""From a configuration to the parts of a run: description, readers, loaders, Lightning module."""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from torch.utils.data import DataLoader

from data.datasets import DatasetConfig, open_reader
from data.errors import InputError
from data.loading import Transformed, build_loader, collate_detection, collate_segmentation
from data.transforms import DetectionTransform, SegmentationTransform
from tasks.checkpoint import Description
from tasks.detection.module import DetectionModule
from tasks.detection.postprocess import Postprocessing
from tasks.detection.report import write_report as write_detection_report
from tasks.model import Arch
from tasks.preprocessing import Preprocessing
from tasks.segmentation.module import SegmentationModule
from tasks.segmentation.report import write_report as write_segmentation_report

logger = logging.getLogger(__name__)

Size = tuple[int, int]
NAMES_OF_TYPES = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
SMALLEST = 32  # pixels: the stride of C5


@dataclass(frozen=True)
class Task:
    """What depends on the task: the kind of data, and the classes that handle it."""

    kind: str
    module: type[DetectionModule] | type[SegmentationModule]
    transform: Callable[..., Any]
    collate: Callable[[Any], Any]
    write_report: Callable[[Path, Any, Any], dict[str, Any]]


DETECTION = Task("detection", DetectionModule, DetectionTransform, collate_detection, write_detection_report)
SEGMENTATION = Task(
    "segmentation", SegmentationModule, SegmentationTransform, collate_segmentation, write_segmentation_report
)
TASKS = {"ssdlite": DETECTION, "lraspp": SEGMENTATION}


def find_task(head: str) -> Task:
    """Return the task of a head.

    Raises:
        InputError: if there is no such head.
    """
    if head not in TASKS:
        raise InputError(f"model.head: unknown {head!r}; choose from {sorted(TASKS)}")
    return TASKS[head]


def to_plain(cfg: DictConfig) -> dict[str, Any]:
    """Return the configuration as plain values.

    Raises:
        InputError: naming the option that is missing or cannot be resolved.
    """
    try:
        return OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)  # type: ignore[return-value]
    except OmegaConfBaseException as error:
        raise InputError(f"option {error.full_key}: {str(error).splitlines()[0]}") from error


def parse_size(value: Any, field: str) -> Size:
    """Turn N or [height, width] into a size.

    Raises:
        InputError: if it is neither, or a side is below 32.
    """
    sides = [value, value] if isinstance(value, int) else value
    if not (isinstance(sides, list) and len(sides) == 2 and all(isinstance(s, int) and s >= SMALLEST for s in sides)):
        raise InputError(f"{field}: {value!r}; expected N or [height, width], whole numbers from {SMALLEST}")
    return sides[0], sides[1]


def parse(build: Any, values: dict[str, Any], field: str) -> Any:
    """Call a constructor with a part of the configuration.

    Raises:
        InputError: naming the part and the field, if a value is of the wrong type or the constructor refuses it.
    """
    hints = get_type_hints(build.__init__)
    for name, value in values.items():
        check_type(value, hints.get(name), f"{field}.{name}")
    try:
        return build(**values)
    except (TypeError, ValueError) as error:
        raise InputError(f"{field}: {error}") from error


def check_type(value: Any, expected: Any, field: str) -> None:
    """Check a plain value against its annotation; other annotations than those of plain values pass.

    Raises:
        InputError: naming the field and the type.
    """
    allowed = {int: (int,), float: (int, float), str: (str,), bool: (bool,)}.get(expected)
    if allowed and (not isinstance(value, allowed) or (isinstance(value, bool) and expected is not bool)):
        raise InputError(f"{field}: {value!r}; expected {NAMES_OF_TYPES[expected]}")


def check_numbers(config: dict[str, Any]) -> None:
    """Check the numbers of a training configuration that no constructor sees.

    Raises:
        InputError: naming the field and its least value.
    """
    trainer, dataset = config["trainer"], config["dataset"]
    for field, value, least in (
        ("batch_size", config["batch_size"], 1),
        ("seed", config["seed"], 0),
        ("trainer.max_epochs", trainer["max_epochs"], 1),
        ("trainer.accumulate_grad_batches", trainer["accumulate_grad_batches"], 1),
        ("dataset.workers", count_workers(dataset), 0),
    ):
        check_type(value, int, field)
        if value < least:
            raise InputError(f"{field}: {value}; expected a whole number from {least}")


def describe(config: dict[str, Any], classes: Any) -> Description:
    """Describe the model that a training configuration asks for, for data of these classes."""
    task = find_task(config["model"]["head"])
    if task is DETECTION:
        size: Size | None = parse_size(config["size"], "size")
    else:
        size = None if config["eval_size"] is None else parse_size(config["eval_size"], "eval_size")
    return Description(
        arch=parse(Arch, {**config["model"], "num_classes": len(classes)}, "model"),
        classes=classes,
        preprocessing=Preprocessing(size),
        postprocessing=parse(Postprocessing, config.get("postprocessing", {}), "postprocessing"),
        dataset=config["dataset"],
    )


def open_split(head: str, dataset: dict[str, Any], split: str, *, classes: Any = None) -> Any:
    """Open one split of the configured data set for the task of `head`."""
    config = parse(DatasetConfig, dataset, "dataset")
    return open_reader(find_task(head).kind, config, split=split, classes=classes)


def count_workers(dataset: dict[str, Any]) -> int:
    """Return the number of loading processes: as configured, or one a core, at most 8."""
    workers = dataset["workers"]
    return min(8, len(os.sched_getaffinity(0))) if workers is None else workers


def build_train_loader(reader: Any, config: dict[str, Any]) -> DataLoader:
    """Return the loader of augmented, shuffled batches."""
    task = find_task(config["model"]["head"])
    transform = task.transform(parse_size(config["size"], "size"), train=True)
    data = Transformed(reader, transform, seed=config["seed"])
    workers, batch_size = count_workers(config["dataset"]), config["batch_size"]
    return build_loader(data, collate=task.collate, batch_size=batch_size, shuffle=True, workers=workers)


def build_eval_loader(reader: Any, description: Description, *, batch_size: int, workers: int) -> DataLoader:
    """Return the loader of whole images in their own order; segmenters take them one by one, each at its size."""
    task = find_task(description.arch.head)
    size = description.preprocessing.size
    data = Transformed(reader, task.transform(size, train=False), seed=0)
    batch = batch_size if task is DETECTION else 1
    return build_loader(data, collate=task.collate, batch_size=batch, shuffle=False, workers=workers)
