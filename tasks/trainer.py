"""Lightning's trainer for one device, and what of its talk is worth hearing."""

import logging
import warnings
from typing import Any

import lightning as L
from lightning.fabric.utilities.exceptions import MisconfigurationException

from data.errors import InputError
from tasks.hardware import check_accelerator

UNREMARKABLE = (  # warnings of Lightning's about what is meant so
    ".*does not have many workers.*",
    ".*smaller than the logging interval.*",
    ".*but have no `val_dataloader`.*",
    ".*Total length of `list` across ranks is zero.*",
    "Checkpoint directory .* exists and is not empty",  # of a resumed run; `check_new` refuses it elsewhere
)


def make_trainer(**settings: Any) -> L.Trainer:
    """Build Lightning's trainer for one device.

    Raises:
        InputError: if Lightning refuses a setting, such as an accelerator that this machine lacks.
    """
    check_accelerator(settings["accelerator"], "accelerator")
    quiet_libraries()
    try:
        return L.Trainer(devices=1, enable_model_summary=False, use_distributed_sampler=False, **settings)
    except (MisconfigurationException, TypeError, ValueError) as error:
        raise InputError(f"trainer: {error}") from error


def quiet_libraries() -> None:
    """Keep Lightning's notes and tips off the screen; call it after Lightning is imported, which sets its own level."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="lightning.pytorch.utilities._pytree")
    for message in UNREMARKABLE:
        warnings.filterwarnings("ignore", message=message)
