"""One training run: check everything, train, evaluate the best checkpoint; all in one folder."""

import logging
import math
import time
from pathlib import Path
from typing import Any

import lightning as L
import torch
from omegaconf import DictConfig, OmegaConf

from data.errors import InputError
from data.findings import refuse
from tasks.cli.options import check_compiler, count_workers
from tasks.detection.limits import check_limits
from tasks.drawing.curves import plot_curves
from tasks.evaluate.command import evaluate_to, log_metrics
from tasks.loaders import build_eval_loader, report_reach
from tasks.models.checkpoint import load_checkpoint, load_model, save_safetensors
from tasks.report.page import write_page
from tasks.runs.environment import record_end
from tasks.runs.folder import CHECKPOINTS, CONFIG, list_logs, plan_run
from tasks.runs.recording import record_run
from tasks.train.finders import check_find, find
from tasks.train.loggers import TENSORBOARD
from tasks.train.overfit import judge, prepare
from tasks.train.preparation import build_loader, build_module, describe_start, open_data
from tasks.train.progress import Progress
from tasks.train.summary import WEIGHTS, find_image, log_summary, next_commands, option, task_command
from tasks.train.trainers import build_trainer, check_trainer

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
    if description.postprocessing is not None:
        check_limits(val_reader, description.postprocessing, refuse, split="val")
    loader = build_loader(reader, config)
    if min(len(reader), config["batch_size"]) < 2:
        raise InputError(f"batch_size: {config['batch_size']} of {len(reader)} images; batch norm needs at least 2")
    workers = count_workers(config["dataset"])
    val_loader = build_eval_loader(val_reader, description, batch_size=config["batch_size"], workers=workers)
    steps = math.ceil(len(loader) / config["trainer"]["accumulate_grad_batches"]) * config["trainer"]["max_epochs"]
    module = build_module(config, description, weights=weights, steps=steps)
    if config.get("find") is not None:
        return find(config, out, module=module, reader=reader)
    trainer = build_trainer(config, out, description=description, metric=f"val/{module.metric}", batches=len(loader))
    logger.info("training on %d images, evaluating on %d; the run is in %s", len(reader), len(val_reader), out)
    out.mkdir(parents=True, exist_ok=True)
    OmegaConf.save(config, out / CONFIG)
    record_run(
        out,
        description,
        dataset=config["dataset"],
        readers={"train": reader, "val": val_reader},
        accelerator=config["trainer"]["accelerator"],
    )
    fit(trainer, module, loaders=(loader, val_loader), out=out, last=last)
    metrics = finish_run(out, config, val_reader=val_reader, workers=workers)
    summarize(out, trainer, reader=val_reader, seconds=time.perf_counter() - started)
    if config.get("overfit") is not None:
        judge(metrics, config, out)
    return metrics


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
    save_safetensors(out / WEIGHTS, description, weights)
    numbers = list_logs(out)
    if numbers:  # none with logger=none
        plot_curves(numbers, out / "curves.png")
    metrics = evaluate_to(
        out,
        description,
        model=load_model(description, weights),
        reader=val_reader,
        batch_size=config["batch_size"],
        workers=workers,
        accelerator=config["trainer"]["accelerator"],
    )
    record_end(out)
    write_page(out)
    log_metrics(metrics, out)
    return metrics


def summarize(out: Path, trainer: L.Trainer, *, reader: Any, seconds: float) -> None:
    """Say what was best, where everything is, how long it took and how to go on."""
    progress = next(callback for callback in trainer.callbacks if isinstance(callback, Progress))  # type: ignore[attr-defined]
    best = "unknown, as no epoch was evaluated"
    if progress.best is not None:
        name = progress.metric.removeprefix("val/")
        best = f"{name} {progress.best[0]:.4f} in epoch {progress.best[1]} of {trainer.current_epoch}"
    tensorboard = out / TENSORBOARD
    commands = next_commands(out, image=find_image(reader), tensorboard=tensorboard if tensorboard.is_dir() else None)
    log_summary(best=best, seconds=seconds, commands=commands)
