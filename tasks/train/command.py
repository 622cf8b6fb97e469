"""One training run: check everything, train, evaluate the best checkpoint; all in one folder."""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lightning as L
import torch
from omegaconf import OmegaConf
from torch import Tensor
from torch.utils.data import DataLoader

from data.errors import InputError
from data.findings import refuse
from data.loading import check_shared_memory
from data.watchdog import name_deaths
from tasks.cli.failures import Stopped, find_stop
from tasks.cli.folders import owning
from tasks.cli.typed import option, task_command
from tasks.drawing.curves import plot_curves
from tasks.evaluate.command import evaluate_to, log_metrics
from tasks.evaluation_settings import EvaluationSettings
from tasks.files import Metrics, clean, write_text
from tasks.hardware import check_compiler
from tasks.inference.loading import assemble
from tasks.loaders import build_eval_loader
from tasks.models.checkpoint import load_checkpoint, save_safetensors
from tasks.models.description import Description
from tasks.parsing import to_plain
from tasks.processes import first_goes_first, from_first, is_first
from tasks.report.page import write_page
from tasks.runs.changes import check_classes, check_inputs, list_inputs, write_inputs
from tasks.runs.checkpoints import find_newest
from tasks.runs.environment import record_end
from tasks.runs.folder import BEST, CHECKPOINTS, CONFIG, LAST, WEIGHTS, list_logs
from tasks.runs.manifest import keep_checkpoints, list_files, record_files
from tasks.runs.recording import record_run
from tasks.train.config import TrainConfig
from tasks.train.finders import find
from tasks.train.finite import NotFiniteError
from tasks.train.loggers import TENSORBOARD
from tasks.train.overfit import judge, prepare
from tasks.train.plan import plan_run
from tasks.train.preparation import build_loader, build_module, count_steps, open_data, prepare_start
from tasks.train.progress import Progress
from tasks.train.resuming import find_finished, read_position
from tasks.train.shares import check_several, check_shares
from tasks.train.signals import Signals, requeue_job
from tasks.train.summary import find_image, log_summary, next_commands
from tasks.train.trainers import build_trainer, check_trainer

if TYPE_CHECKING:
    from tasks.parts import Reader

logger = logging.getLogger(__name__)


@owning
def train(config: TrainConfig) -> Metrics:
    """Train what `config` asks for, or go on with the run in config.resume.

    Returns:
        The metrics of the best checkpoint, as in metrics.json; with config.find what was found.

    Raises:
        InputError: before the first step, if the configuration or the data cannot be used; after the last, if with
            config.overfit the images were not learned.
    """
    with Signals() as signals:
        try:
            return run(config, signals)
        except Stopped as stop:
            requeue_job(stop.signal)
            raise


def run(config: TrainConfig, signals: Signals) -> Metrics:
    """Do what `train` does, until a signal ends it."""
    started = time.perf_counter()
    anyway = config.resume_anyway
    config, out, last = from_first(partial(plan_run, config))
    epochs = config.trainer.max_epochs
    finished = from_first(lambda: None if last is None else find_finished(out, last, epochs=epochs))
    if finished is not None:
        return report_finished(out, finished)
    check_compiler(config.trainer.compile)
    check_trainer(config)
    check_several(config)
    if config.overfit is not None:
        config = prepare(config)
    torch.set_float32_matmul_precision("high")
    L.seed_everything(config.seed, workers=True, verbose=False)
    with first_goes_first():
        reader, val_reader = open_data(config)
    start = prepare_start(config, reader, last=last)
    config, description = start.config, start.description
    readers = {"train": reader, "val": val_reader}
    inputs: dict[str, Any] = {}
    from_first(lambda: inputs.update(note_inputs(config, readers)))
    if last is not None:
        check_classes(description.classes, reader.classes, out=out)
        from_first(lambda: check_inputs(out, inputs, readers, anyway=anyway))
    parts = config.recipe.task.parts
    parts.announce(description, reader)
    parts.check_evaluation(description, val_reader, report=refuse, split="val")
    loader, val_loader = make_loaders(config, description, reader=reader, val_reader=val_reader)
    module = build_module(start, val_reader, steps=count_steps(config, len(loader)))
    if config.find is not None:
        return find(config, out, module=module, reader=reader)
    position = None
    if last is not None:
        position = read_position(last, config, module, batches=len(loader))
        loader.sampler.go_to(position.epoch, position.batch * config.recipe.batch_size)  # type: ignore[attr-defined]
    trainer = build_trainer(config, out, description=description, loader=loader, signals=signals, position=position)
    logger.info("training on %d images, evaluating on %d; the run is in %s", len(reader), len(val_reader), out)
    from_first(lambda: record_start(out, config, description, readers=readers, inputs=inputs))
    with advised(out):
        with signals.waiting(), name_deaths([loader, val_loader]):
            trainer.fit(module, loader, val_loader, ckpt_path=last, weights_only=True)
        metrics = finish_run(out, config, val_reader=val_reader)
    if is_first():
        summarize(out, trainer, reader=val_reader, seconds=time.perf_counter() - started)
        if config.overfit is not None:
            judge(metrics, config, out)
    return metrics


def note_inputs(config: TrainConfig, readers: "Mapping[str, Reader]") -> dict[str, Any]:
    """Return what a run is made of."""
    return list_inputs(to_plain(config), readers, deep=config.check_data == "deep")


def record_start(
    out: Path,
    config: TrainConfig,
    description: Description,
    *,
    readers: "Mapping[str, Reader]",
    inputs: Mapping[str, Any],
) -> None:
    """Write down what is trained on what, before the first step."""
    clean(out)  # of what a kill may have left
    write_text(out / CONFIG, OmegaConf.to_yaml(to_plain(config)))
    keep_checkpoints(out)
    write_inputs(out, inputs)
    accelerator = config.trainer.accelerator
    record_run(out, description, dataset=config.dataset, readers=readers, accelerator=accelerator)


def make_loaders(
    config: TrainConfig, description: Description, *, reader: "Reader", val_reader: "Reader"
) -> tuple[DataLoader, DataLoader]:
    """Return what gives the batches of training and of evaluation.

    Raises:
        InputError: if there are too few images for a batch, or too little memory to share batches through.
    """
    loader = build_loader(reader, config)
    batch_size, workers = config.recipe.batch_size, config.dataset.count_workers()
    if min(len(reader), batch_size) < 2:
        raise InputError(f"batch_size: {batch_size} of {len(reader)} images; batch norm needs at least 2")
    check_shares(config, len(reader))
    val_loader = build_eval_loader(
        val_reader, description, batch_size=batch_size, workers=workers, timeout=config.dataset.timeout
    )
    check_shared_memory([loader, val_loader])
    return loader, val_loader


@contextmanager
def advised(out: Path) -> Iterator[None]:
    """Whatever ends a run before its time, say the way to go on.

    Raises:
        Stopped: at a signal, with what to type to go on.
        KeyboardInterrupt: at a second Ctrl-C, the same.
    """
    try:
        yield
    except Stopped as stop:
        raise Stopped(stop.signal, advise(out)) from None
    except (KeyboardInterrupt, SystemExit) as error:  # the latter is Lightning's answer to Ctrl-C
        if isinstance(error, SystemExit) and not isinstance(error.__context__, KeyboardInterrupt):
            raise  # the first process failed, and said why
        raise KeyboardInterrupt(advise(out)) from None
    except NotFiniteError:  # would come again
        raise
    except Exception as error:
        hidden = find_stop(error)
        if hidden is not None:
            raise Stopped(hidden.signal, advise(out)) from None
        logger.info(advise(out))
        raise


def advise(out: Path) -> str:
    """Return the way to go on with a run that was cut."""
    if (out / CHECKPOINTS / LAST).is_file():
        return f"to go on from the last checkpoint: {task_command('train', option('resume', out))}"
    return f"before the first checkpoint; nothing to go on from in {out}"


def report_finished(out: Path, metrics: Metrics) -> Metrics:
    """Say that a run is finished, and how to train on; return its metrics."""
    again = task_command("train", option("weights", out / WEIGHTS), "...")
    logger.info("the run in %s is finished, nothing is left to do; to train its weights on: %s", out, again)
    return metrics


def finish_run(out: Path, config: TrainConfig, *, val_reader: "Reader") -> Metrics:
    """Write the best model as safetensors, evaluate it and draw the curves.

    Returns:
        The metrics of the best checkpoint, or of the last where none was evaluated; none in other processes than the
        first.
    """
    description, weights = from_first(partial(load_best, out))
    if is_first():
        save_safetensors(out / WEIGHTS, description, weights)
        numbers = list_logs(out)
        if numbers:  # none with logger=none
            plot_curves(numbers, out / "curves.png")
    metrics = evaluate_to(
        out,
        assemble(description, weights),
        reader=val_reader,
        batch_size=config.recipe.batch_size,
        workers=config.dataset.count_workers(),
        timeout=config.dataset.timeout,
        accelerator=config.trainer.accelerator,
        settings=EvaluationSettings(),
    )
    if not is_first():
        return metrics
    record_end(out)
    write_page(out)
    record_files(out, list_files(out))
    log_metrics(metrics, out)
    return metrics


def load_best(out: Path) -> tuple[Description, dict[str, Tensor]]:
    """Read the best checkpoint of a run, or its newest where there is none, or it has been damaged since."""
    best = out / CHECKPOINTS / BEST
    try:
        return load_checkpoint(best if best.is_file() else find_newest(out))
    except InputError as error:
        logger.warning("passed over: %s", error)
        return load_checkpoint(find_newest(out))


def summarize(out: Path, trainer: L.Trainer, *, reader: "Reader", seconds: float) -> None:
    """Say what was best, where everything is, how long it took and how to go on."""
    progress = next(callback for callback in trainer.callbacks if isinstance(callback, Progress))  # type: ignore[attr-defined]
    best = "unknown, as no epoch was evaluated"
    if progress.best is not None:
        name = progress.metric.removeprefix("val/")
        best = f"{name} {progress.best[0]:.4f} in epoch {progress.best[1]} of {trainer.current_epoch}"
    tensorboard = out / TENSORBOARD
    commands = next_commands(out, image=find_image(reader), tensorboard=tensorboard if tensorboard.is_dir() else None)
    log_summary(best=best, seconds=seconds, commands=commands)
