"""From a configuration to what a run trains: data, a described model, weights to start from, the Lightning module."""

import logging
from dataclasses import asdict, dataclass, replace
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch.utils.data import DataLoader

from data.cache import cache_readers
from data.config import GB, DatasetConfig
from data.disk_cache import keep_on_disk
from data.errors import InputError
from data.findings import once, refuse
from data.joining import check_apart
from data.overview import check_labels, describe_classes
from tasks.loaders import build_train_loader, open_split
from tasks.models.checkpoint import load_checkpoint
from tasks.models.description import Description
from tasks.models.pretrained.identification import Weights
from tasks.models.pretrained.loading import TAKEN_OVER, adopt, load_weights, read_weights
from tasks.train.config import TrainConfig
from tasks.train.freezing import freeze_model
from tasks.train.resuming import check_task
from tasks.train.rounding import choose_rounding
from tasks.train.teachers import load_teacher
from tasks.train.trainers import augments_on_device

if TYPE_CHECKING:
    from tasks.parts import Module, Reader

logger = logging.getLogger(__name__)

FEW = 10  # images


def open_data(config: TrainConfig) -> "tuple[Reader, Reader]":
    """Open the readers to train and to evaluate on; with `overfit` they are the same few images.

    Raises:
        InputError: if something is wrong with the data.
    """
    task, dataset = config.recipe.task, config.dataset
    announce_synthetic(dataset)
    report = once(refuse)
    reader = open_split(task, dataset, "train", report=report)
    if config.overfit is not None:
        few = reader.subset(task.parts.choose_few(reader, config.overfit))
        return few, few
    val_reader = open_split(task, dataset, "val", classes=reader.classes, report=report)
    check_apart(dataset, reader, val_reader, report=report)
    check_labels(reader, val_reader)
    for line in describe_classes(reader, val_reader):
        logger.info(line)
    if len(val_reader) < FEW:
        logger.warning("only %d images to evaluate on: each of them moves the metric", len(val_reader))
    if dataset.cache == "memory":
        reader, val_reader = cache_readers([reader, val_reader])
    elif dataset.cache == "disk":
        reader, val_reader = keep_on_disk([reader, val_reader], most=int(dataset.cache_gb * GB))
    return reader, val_reader


def build_loader(reader: "Reader", config: TrainConfig) -> DataLoader:
    """Return the loader of training batches, augmented unless a few images are to be overfitted."""
    return build_train_loader(
        reader,
        config.recipe,
        config.dataset,
        seed=config.seed,
        augmented=config.overfit is None,
        deferred=config.recipe.task.device_augmentation and augments_on_device(config.trainer),
    )


def announce_synthetic(dataset: DatasetConfig) -> None:
    """Say that the data are synthetic, and how to use real ones."""
    if dataset.name == "synthetic":
        logger.info(
            "data: the synthetic street scenes in %s; for COCO: dataset=coco dataset.root=DIR, "
            "for Cityscapes: task=lraspp dataset=cityscapes dataset.root=DIR, "
            "for a folder per class: task=classify dataset=folder dataset.root=DIR",
            dataset.root,
        )


@dataclass(frozen=True)
class Start:
    """What a run begins with.

    Attributes:
        config: of the run, with what it takes over from weights and data.
        description: of the model.
        weights: that it starts from; None for random ones, and for a run that goes on.
    """

    config: TrainConfig
    description: Description
    weights: Weights | None


def prepare_start(config: TrainConfig, reader: "Reader", *, last: Path | None) -> Start:
    """Describe the model and read the weights that it starts from; a resumed run has both in its checkpoint.

    Raises:
        InputError: if the weights do not fit.
    """
    if last is not None:
        description = replace(load_checkpoint(last)[0], thresholds=None)  # theirs were of weights that change
        check_task(last, description, config)
        return Start(config, description, None)
    description = config.recipe.describe(reader.classes, config.dataset)
    weights = None if config.weights is None else read_weights(config.weights, description.arch)
    own = config.recipe.own
    if weights is None or weights.head != own.model.head:
        if own.follows_data:
            arch = config.recipe.task.parts.follow_data(description, reader)
            description = replace(description, arch=arch)
    elif description.arch.shapes is not None or own.follows_data:
        raise InputError(f"model.shapes: weights={config.weights} has a head with shapes of its own; expected null")
    if weights is not None:
        description = adopt(weights, description)
        weights, description = choose_rounding(config, weights, description)
    return Start(follow(config, description), description, weights)


def follow(config: TrainConfig, description: Description) -> TrainConfig:
    """Return a configuration that asks for what a description took over from weights or data."""
    recipe, arch, entry = config.recipe, asdict(description.arch), asdict(description.preprocessing)
    taken = {field: arch[field] for field in TAKEN_OVER if field in vars(recipe.own.model)}
    preprocessing = {field: entry[field] for field in vars(recipe.preprocessing)}
    recipe = replace(recipe, preprocessing=replace(recipe.preprocessing, **preprocessing))
    return replace(config, recipe=recipe.with_layers(**taken))


def count_steps(config: TrainConfig, batches: int) -> int:
    """Return the optimizer steps of a run with so many batches an epoch."""
    return ceil(batches / config.trainer.accumulate_grad_batches) * config.trainer.max_epochs


def build_module(start: Start, val_reader: "Reader", *, steps: int) -> "Module":
    """Build the Lightning module with its optimization, its teacher, its first weights and its frozen parts."""
    config, description = start.config, start.description
    module = config.recipe.task.parts.build_module(
        description,
        config.recipe.own,
        optimization=config.optimization(steps),
        teacher=load_teacher(config.distill, description, sizes=config.recipe.training_sizes),
        reader=val_reader,
    )
    new = [] if start.weights is None else load_weights(module.model, start.weights, description)
    freeze_model(module.model, config.freeze, new=new)
    if config.trainer.compile:
        for part in module.model.children():  # each by itself, as a training step calls them
            part.compile()  # in place: the names of the weights stay
    return module.to(memory_format=torch.channels_last)
