"""From a configuration to what a run trains: data, a described model, weights to start from, the Lightning module."""

import logging
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from data.cache import cache_readers
from data.errors import InputError
from data.overview import describe_classes
from tasks.cli.options import parse
from tasks.loaders import build_train_loader, describe, find_task, fit_anchors, open_split
from tasks.models.checkpoint import load_checkpoint
from tasks.models.description import Description
from tasks.models.pretrained.identification import Weights
from tasks.models.pretrained.loading import TAKEN_OVER, adopt, load_weights, read_weights
from tasks.optimization import Optimization
from tasks.train.freezing import NONE, freeze_model
from tasks.train.overfit import build_plain_loader
from tasks.train.teachers import load_teacher

logger = logging.getLogger(__name__)

FEW = 10  # images


def open_data(config: dict[str, Any]) -> tuple[Any, Any]:
    """Open the readers to train and to evaluate on; with `overfit` they are the same few images.

    Raises:
        InputError: if something is wrong with the data.
    """
    head, dataset = config["model"]["head"], config["dataset"]
    announce_synthetic(dataset)
    reader = open_split(head, dataset, "train")
    if config.get("overfit") is not None:
        first = reader.subset(range(min(config["overfit"], len(reader))))
        return first, first
    val_reader = open_split(head, dataset, "val", classes=reader.classes)
    for line in describe_classes(reader, val_reader):
        logger.info(line)
    if len(val_reader) < FEW:
        logger.warning("%d images to be evaluated on: the metric moves with each of them", len(val_reader))
    if dataset.get("cache") == "memory":
        reader, val_reader = cache_readers([reader, val_reader])
    return reader, val_reader


def build_loader(reader: Any, config: dict[str, Any]) -> Any:
    """Return the loader of training batches, augmented unless they are to be learned by heart."""
    return (build_train_loader if config.get("overfit") is None else build_plain_loader)(reader, config)


def announce_synthetic(dataset: dict[str, Any]) -> None:
    """Say that the data are synthetic, and how to use real ones."""
    if dataset["name"] == "synthetic":
        logger.info(
            "data: the synthetic street scenes in %s; for COCO: dataset=coco dataset.root=DIR, "
            "for Cityscapes: task=lraspp dataset=cityscapes dataset.root=DIR",
            dataset["root"],
        )


def describe_start(config: dict[str, Any], reader: Any, *, last: Path | None) -> tuple[Description, Weights | None]:
    """Describe the model and read the weights that it starts from; a resumed run has both in its checkpoint.

    What the description takes over from the weights, the configuration does too.

    Returns:
        The description, with what it takes over from the weights, and the weights, if any.

    Raises:
        InputError: if the weights do not fit, or something is to be frozen that no weights give.
    """
    source = config.get("weights")
    if source is None and config.get("freeze") not in (None, NONE):
        raise InputError(f"freeze={config['freeze']}: no weights given, it would freeze random ones; give weights=")
    if last is not None:
        return replace(load_checkpoint(last)[0], thresholds=None), None  # theirs were of weights that change
    weights = None if source is None else read_weights(str(source), describe(config, reader.classes).arch)
    if weights is None or weights.head != config["model"]["head"]:
        fit_anchors(config, reader)
    elif config["model"].get("shapes") is not None:
        raise InputError(f"model.shapes: weights={source} has a head with shapes of its own; expected null")
    description = describe(config, reader.classes)
    if weights is None:
        return description, None
    adopted = adopt(weights, description)
    arch, entry = asdict(adopted.arch), asdict(adopted.preprocessing)
    config["model"] |= {field: arch[field] for field in TAKEN_OVER}
    config["preprocessing"] |= {field: entry[field] for field in config["preprocessing"]}
    return adopted, weights


def build_module(config: dict[str, Any], description: Description, *, weights: Weights | None, steps: int) -> Any:
    """Build the Lightning module with its optimization, its teacher, its first weights and its frozen parts."""
    optimization = {
        **config["optimizer"],
        **{key: config[key] for key in ("lr", "schedule", "warmup")},
        "steps": steps,
    }
    settings: dict[str, Any] = {
        "optimization": parse(Optimization, optimization, "optimizer"),
        "teacher": load_teacher(config, description),
    }
    task = find_task(config["model"]["head"])
    if "loss" in config:
        settings["loss"] = parse(task.loss, config["loss"], "loss")
    module = task.module(description, **settings)
    if weights is not None:
        load_weights(module.model, weights, description)
    freeze_model(module.model, config.get("freeze", NONE))
    if config["trainer"].get("compile"):
        for part in module.model.children():  # each by itself, as a training step calls them
            part.compile()  # in place: the names of the weights stay
    return module.to(memory_format=torch.channels_last)
