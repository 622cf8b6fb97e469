"""Lightning's trainer for one device, and what of its talk is worth hearing."""

import logging
import warnings
from collections.abc import Sequence
from typing import Any

import lightning as L
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.trainer.connectors.checkpoint_connector import _CheckpointConnector
from lightning.pytorch.trainer.connectors.signal_connector import _SignalConnector

from data.errors import InputError
from tasks.hardware import check_accelerator

UNREMARKABLE = (  # warnings of Lightning's about what is meant so
    ".*does not have many workers.*",
    ".*smaller than the logging interval.*",
    ".*but have no `val_dataloader`.*",
    ".*Total length of `list` across ranks is zero.*",
    "Checkpoint directory .* exists and is not empty",  # of a resumed run; `check_new` refuses it elsewhere
    "You're resuming from a checkpoint that ended before the epoch ended",  # `tasks.train.resuming` sees to it
    "Be aware that when using `ckpt_path`, callbacks used to create the checkpoint",  # of an earlier version
)


class OwnCheckpoints(_CheckpointConnector):
    """Lightning's reading of checkpoints without its own search: under SLURM it starts from any hpc_ckpt_1.ckpt."""

    _hpc_resume_path = None  # a property there


class NoSignals(_SignalConnector):
    """Lightning's signals left alone: `tasks.train.signals` has those of a run."""

    def register_signal_handlers(self) -> None:
        """Register none."""


def make_trainer(*, plugins: Sequence[Any] = (), **settings: Any) -> L.Trainer:
    """Build Lightning's trainer for one device, the same inside and outside of a SLURM job.

    Args:
        plugins: as Lightning takes them.
        **settings: Lightning's own.

    Raises:
        InputError: if Lightning refuses a setting, such as an accelerator that this machine lacks.
    """
    check_accelerator(settings["accelerator"], "accelerator")
    quiet_libraries()
    plugins = [LightningEnvironment(), *plugins]
    try:
        trainer = L.Trainer(
            devices=1, enable_model_summary=False, use_distributed_sampler=False, plugins=plugins, **settings
        )
    except (MisconfigurationException, TypeError, ValueError) as error:
        raise InputError(f"trainer: {error}") from error
    trainer._checkpoint_connector = OwnCheckpoints(trainer)
    trainer._signal_connector = NoSignals(trainer)
    return trainer


def quiet_libraries() -> None:
    """Keep Lightning's notes and tips off the screen; call it after Lightning is imported, which sets its own level."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="lightning.pytorch.utilities._pytree")
    for message in UNREMARKABLE:
        warnings.filterwarnings("ignore", message=message)
