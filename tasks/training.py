"""One training run: check everything, train, evaluate the best checkpoint; all in one folder."""

import logging
import math
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import lightning as L
import torch
from omegaconf import DictConfig, OmegaConf

from data.cache import cache_readers
from data.errors import InputError
from tasks.build import (
    build_eval_loader,
    build_train_loader,
    describe,
    find_task,
    fit_anchors,
    open_split,
    report_reach,
)
from tasks.checkpoint import load_checkpoint, save_safetensors
from tasks.curves import plot_curves
from tasks.description import Description
from tasks.distillation.loading import load_teacher
from tasks.evaluation import evaluate_to, log_metrics
from tasks.finders import check_find, find
from tasks.loggers import TENSORBOARD
from tasks.optimizers import Optimization
from tasks.options import check_compiler, count_workers, parse
from tasks.overfitting import FirstSamples, build_plain_loader, judge, prepare
from tasks.pretrained.freezing import NONE, freeze_model
from tasks.pretrained.identification import Weights
from tasks.pretrained.loading import TAKEN_OVER, adopt, load_weights, read_weights
from tasks.progress import Progress
from tasks.run_folder import CHECKPOINTS, CONFIG, LOGS, plan_run
from tasks.summary import find_image, log_summary, next_commands, option, task_command
from tasks.trainers import build_trainer, check_trainer

logger = logging.getLogger(__name__)


def train(cfg: DictConfig) -> dict[str, Any]:
    """Train what `cfg` asks for, or go on with the run in cfg.resume.

    Returns:
        The metrics of the best checkpoint, as in metrics.json; with cfg.find what was found.

    Raises:
        InputError: before the first step, if the configuration or the data cannot be used; after the last, if with
            cfg.overfit the images were not learned.
    """
    started = time.perf_counter()
    config, out, last = plan_run(cfg)
    check_compiler(config["trainer"].get("compile", False))
    check_trainer(config)
    check_find(config)
    if config.get("overfit") is not None and last is None:
        prepare(config)
    torch.set_float32_matmul_precision("high")
    L.seed_everything(config["seed"], workers=True, verbose=False)
    reader, val_reader = open_data(config)
    description, weights = describe_start(config, reader, last=last)
    if description.arch.head == "ssdlite":
        report_reach(description, reader)
    loader = build_loader(reader, config)
    if min(len(reader), config["batch_size"]) < 2:
        raise InputError(f"batch_size: {config['batch_size']} of {len(reader)} images; batch norm needs at least 2")
    workers = count_workers(config["dataset"])
    val_loader = build_eval_loader(val_reader, description, batch_size=config["batch_size"], workers=workers)
    steps = math.ceil(len(loader) / config["trainer"]["accumulate_grad_batches"]) * config["trainer"]["max_epochs"]
    module = build_module(config, description, weights=weights, steps=steps)
    if config.get("find") is not None:
        return find(config, out, module=module, reader=reader)
    trainer = build_trainer(config, out, description=description, metric=f"val/{module.metric}")
    logger.info("training on %d images, evaluating on %d; the run is in %s", len(reader), len(val_reader), out)
    out.mkdir(parents=True, exist_ok=True)
    OmegaConf.save(config, out / CONFIG)
    fit(trainer, module, loaders=(loader, val_loader), out=out, last=last)
    metrics = finish_run(out, config, val_reader=val_reader, workers=workers)
    summarize(out, trainer, reader=val_reader, seconds=time.perf_counter() - started)
    if config.get("overfit") is not None:
        judge(metrics, config, out)
    return metrics


def open_data(config: dict[str, Any]) -> tuple[Any, Any]:
    """Open the readers to train and to evaluate on; with `overfit` they are the same few images.

    Raises:
        InputError: if something is wrong with the data.
    """
    head, dataset = config["model"]["head"], config["dataset"]
    announce_synthetic(dataset)
    reader = open_split(head, dataset, "train")
    if config.get("overfit") is not None:
        first = FirstSamples(reader, config["overfit"])
        return first, first
    val_reader = open_split(head, dataset, "val", classes=reader.classes)
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
        return load_checkpoint(last)[0], None
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


def fit(trainer: L.Trainer, module: Any, *, loaders: tuple[Any, Any], out: Path, last: Path | None) -> None:
    """Train; whatever ends it before its time, the way to go on is said.

    Raises:
        KeyboardInterrupt: at Ctrl-C, with what to type to go on.
    """
    checkpoint = out / CHECKPOINTS / "last.ckpt"
    try:
        trainer.fit(module, *loaders, ckpt_path=last, weights_only=True)
    except (Exception, SystemExit) as error:
        if checkpoint.is_file():
            hint = f"to go on after the last whole epoch: {task_command('train', option('resume', out))}"
        else:
            hint = f"before the end of the first epoch; nothing to go on from in {out}"
        if isinstance(error, SystemExit):  # Lightning's answer to Ctrl-C
            raise KeyboardInterrupt(hint) from None
        logger.info(hint)
        raise


def finish_run(out: Path, config: dict[str, Any], *, val_reader: Any, workers: int) -> dict[str, Any]:
    """Write the best model as safetensors, evaluate it and draw the curves.

    Returns:
        The metrics of the best checkpoint, or of the last where none was evaluated.
    """
    best, last = out / CHECKPOINTS / "best.ckpt", out / CHECKPOINTS / "last.ckpt"
    description, weights = load_checkpoint(best if best.is_file() else last)
    save_safetensors(out / "model.safetensors", description, weights)
    numbers = sorted((out / LOGS).glob("start_*/metrics.csv"))
    if numbers:  # none with logger=none
        plot_curves(numbers, out / "curves.png")
    metrics = evaluate_to(
        out,
        description,
        weights=weights,
        reader=val_reader,
        batch_size=config["batch_size"],
        workers=workers,
        accelerator=config["trainer"]["accelerator"],
    )
    log_metrics(metrics, out)
    return metrics


def summarize(out: Path, trainer: L.Trainer, *, reader: Any, seconds: float) -> None:
    """Say what was best, where everything is, how long it took and how to go on."""
    progress = next(callback for callback in trainer.callbacks if isinstance(callback, Progress))  # type: ignore[attr-defined]
    best = "of nothing, as no epoch was evaluated"
    if progress.best is not None:
        name = progress.metric.removeprefix("val/")
        best = f"{name} {progress.best[0]:.4f} in epoch {progress.best[1]} of {trainer.current_epoch}"
    tensorboard = out / TENSORBOARD
    commands = next_commands(out, image=find_image(reader), tensorboard=tensorboard if tensorboard.is_dir() else None)
    log_summary(out, best=best, seconds=seconds, commands=commands)
