"""Lightning's trainer for a run: its checkpoints, loggers, callbacks and precision."""

from pathlib import Path

import lightning as L
import torch
from torch.utils.data import DataLoader

from tasks.hardware import check_accelerator, choose_device
from tasks.models.description import Description
from tasks.processes import count, is_first
from tasks.runs.folder import CHECKPOINTS, LAST
from tasks.train.callbacks import AveragedWeights, Checkpoints, Describe, FreezeBatchNorm, HoldTeacher, StopEarly
from tasks.train.checkpoint_io import SealedCheckpoints
from tasks.train.config import TrainConfig, TrainerOptions
from tasks.train.finite import Finite
from tasks.train.loggers import build_loggers, check_installed, log_configuration
from tasks.train.pictures import LogImages
from tasks.train.progress import Progress
from tasks.train.replays import Replays, can_replay
from tasks.train.resuming import Position, RandomStates
from tasks.train.saving import KeepLast
from tasks.train.shares import SeededSteps, SharedBuffers
from tasks.train.signals import Signals
from tasks.train.steps import Steps
from tasks.trainer import make_trainer

LOG_EVERY = 10  # steps


def check_trainer(config: TrainConfig) -> None:
    """Check what the trainer will need of this machine, before the data are read.

    Raises:
        InputError: if there is no such accelerator, or a logger is not installed.
    """
    check_accelerator(config.trainer.accelerator, "trainer.accelerator")
    check_installed(config.loggers)


def build_trainer(
    config: TrainConfig,
    out: Path,
    *,
    description: Description,
    loader: DataLoader,
    signals: Signals,
    position: Position | None,
) -> L.Trainer:
    """Build the trainer of a run in the folder `out`.

    Args:
        config: of the run.
        out: its folder.
        description: of the model, which goes into the checkpoints.
        loader: of the training batches.
        signals: that end the run.
        position: where it goes on; None for a new one.
    """
    settings = config.trainer
    first = None if position is None else position.logged
    loggers = build_loggers(config.loggers, out, first=first) if is_first() else []
    log_configuration(loggers, config)
    last = out / CHECKPOINTS / LAST
    finite = Finite(config, loader, kept=last)
    keeper = KeepLast(last, settings.interval, signals=signals, finite=finite)
    callbacks = build_callbacks(config, out / CHECKPOINTS, description=description)
    trainer = make_trainer(
        accelerator=settings.accelerator,
        precision=choose_precision(settings.precision, settings.accelerator),
        max_epochs=settings.max_epochs,
        gradient_clip_val=settings.gradient_clip_val,
        accumulate_grad_batches=settings.accumulate_grad_batches,
        # A run shorter than the interval is evaluated too: without it there is no best checkpoint.
        check_val_every_n_epoch=min(settings.check_val_every_n_epoch, settings.max_epochs),
        callbacks=[*callbacks, finite, keeper],
        plugins=[SealedCheckpoints(out)],
        logger=loggers,
        log_every_n_steps=min(LOG_EVERY, len(loader)),
        num_sanity_val_steps=0,
        enable_progress_bar=False,  # `Progress` has its own
        sync_batchnorm=settings.sync_batchnorm,
        steps_together=True,
    )
    trainer.fit_loop.epoch_loop = Steps(trainer, keeper)
    if can_replay(config, trainer):
        averages = [callback for callback in callbacks if isinstance(callback, AveragedWeights)]
        trainer.fit_loop.epoch_loop.automatic_optimization = Replays(trainer, averages[0] if averages else None)
    return trainer


def build_callbacks(config: TrainConfig, checkpoints: Path, *, description: Description) -> list[L.Callback]:
    """Build what happens around the steps; `LogImages` stands before `AveragedWeights`, whose weights it shows."""
    settings, task = config.trainer, config.recipe.task
    metric = f"val/{config.recipe.metric}"
    callbacks: list[L.Callback] = [
        Describe(description),
        Progress(metric, bar=settings.progress_bar and is_first()),
        FreezeBatchNorm(config.freeze),
        HoldTeacher(),
        RandomStates(),
        Checkpoints(checkpoints, filename="best", monitor=metric, mode="max", enable_version_counter=False),
    ]
    if settings.log_images:
        callbacks.append(LogImages(settings.log_images))
    if settings.ema_decay:
        callbacks.append(AveragedWeights(settings.ema_decay))
    if count() > 1:
        callbacks += [SeededSteps(config.seed), SharedBuffers()]
    stop_at = None if config.overfit is None else task.learned
    if settings.early_stopping is not None or stop_at is not None:
        patience = settings.early_stopping or settings.max_epochs
        callbacks.append(StopEarly(metric, patience=patience, threshold=stop_at))
    return callbacks


def augments_on_device(settings: TrainerOptions) -> bool:
    """Tell whether images are mirrored and change colours on the device; "auto": on a GPU, not elsewhere."""
    if settings.augment != "auto":
        return settings.augment == "device"
    return choose_device(settings.accelerator).type == "cuda"


def choose_precision(precision: str, accelerator: str) -> str:
    """Resolve "auto": bfloat16 on a GPU that has it, float16 on another GPU, float32 elsewhere."""
    if precision != "auto":
        return precision
    if accelerator == "cpu" or not torch.cuda.is_available():
        return "32-true"
    return "bf16-mixed" if torch.cuda.is_bf16_supported() else "16-mixed"
