"""Lightning's trainer for a run: its checkpoints, loggers, callbacks and precision."""

from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import EarlyStopping

from tasks.evaluate.command import make_trainer
from tasks.hardware import check_accelerator
from tasks.models.description import Description
from tasks.runs.folder import CHECKPOINTS
from tasks.train.callbacks import AveragedWeights, Checkpoints, Describe, HoldTeacher, KeepFrozen
from tasks.train.freezing import NONE
from tasks.train.loggers import build_loggers, log_configuration, parse_loggers
from tasks.train.pictures import LogImages
from tasks.train.progress import Progress

LOG_EVERY = 10  # steps
OURS = (
    "precision",
    "ema_decay",
    "compile",
    "early_stopping",
    "progress_bar",
    "log_images",
    "stop_at",
)  # not Lightning's


def check_trainer(config: dict[str, Any]) -> None:
    """Check what the trainer will need of this machine, before the data are read.

    Raises:
        InputError: if there is no such accelerator, or a logger is not installed.
    """
    check_accelerator(config["trainer"]["accelerator"], "trainer.accelerator")
    parse_loggers(config.get("logger", "tensorboard"))


def build_trainer(
    config: dict[str, Any], out: Path, *, description: Description, metric: str, batches: int
) -> L.Trainer:
    """Build the trainer of a run in the folder `out`.

    Args:
        config: of the run.
        out: its folder.
        description: of the model, which goes into the checkpoints.
        metric: as it is logged; its highest value makes the best checkpoint.
        batches: in an epoch, each of which is logged at least once.
    """
    settings = {key: value for key, value in config["trainer"].items() if key not in OURS}
    # A run shorter than the interval is evaluated too: without it there is no best checkpoint.
    settings["check_val_every_n_epoch"] = min(settings["check_val_every_n_epoch"], settings["max_epochs"])
    loggers = build_loggers(parse_loggers(config.get("logger", "tensorboard")), out)
    log_configuration(loggers, config)
    return make_trainer(
        precision=choose_precision(config["trainer"]["precision"], settings["accelerator"]),
        callbacks=build_callbacks(config, out / CHECKPOINTS, description=description, metric=metric),
        logger=loggers,
        log_every_n_steps=min(LOG_EVERY, batches),
        num_sanity_val_steps=0,
        enable_progress_bar=False,  # `Progress` has its own
        **settings,
    )


def build_callbacks(
    config: dict[str, Any], checkpoints: Path, *, description: Description, metric: str
) -> list[L.Callback]:
    """Build what happens around the steps; `LogImages` stands before `AveragedWeights`, whose weights it shows."""
    settings = config["trainer"]
    callbacks: list[L.Callback] = [
        Describe(description),
        Progress(metric, bar=settings["progress_bar"]),
        KeepFrozen(config.get("freeze", NONE)),
        HoldTeacher(),
        Checkpoints(checkpoints, filename="best", monitor=metric, mode="max", enable_version_counter=False),
        Checkpoints(checkpoints, filename="last", enable_version_counter=False, save_on_train_epoch_end=True),
    ]
    if settings.get("log_images"):
        callbacks.append(LogImages(settings["log_images"]))
    if settings["ema_decay"]:
        callbacks.append(AveragedWeights(settings["ema_decay"]))
    if settings["early_stopping"] is not None or settings.get("stop_at") is not None:
        patience = settings["early_stopping"] or settings["max_epochs"]
        callbacks.append(
            EarlyStopping(metric, mode="max", patience=patience, stopping_threshold=settings.get("stop_at"))
        )
    return callbacks


def choose_precision(precision: str, accelerator: str) -> Any:
    """Resolve "auto": bfloat16 on a GPU that has it, float16 on another GPU, float32 elsewhere."""
    if precision != "auto":
        return precision
    if accelerator == "cpu" or not torch.cuda.is_available():
        return "32-true"
    return "bf16-mixed" if torch.cuda.is_bf16_supported() else "16-mixed"
