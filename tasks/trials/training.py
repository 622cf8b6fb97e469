"""The trainings that a search starts, composed as tasks.train composes them and checked before any begins."""

from collections.abc import Sequence

from hydra import compose
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from data.errors import InputError
from tasks.cli.composing import composing
from tasks.cli.options import keep_text, name_table, read_options
from tasks.cli.overrides import CommandLine, explain_override
from tasks.train.config import TrainConfig

OWN = ("out", "resume", "resume_anyway", "find", "overfit", "debug")  # options that a search cannot leave to others


def compose_training(options: Sequence[str]) -> TrainConfig:
    """Return the configuration of `python -m tasks.train OPTIONS...`.

    Raises:
        InputError: naming the option that there is not, or that is of the wrong type or range.
    """
    words = tuple(keep_text(each, TrainConfig) for option in options for each in name_table(option))
    try:
        with composing():
            return read_options(TrainConfig, compose("train", list(words)))
    except (HydraException, OmegaConfBaseException) as error:
        explained = explain_override(error, CommandLine("train", words))
        raise InputError(explained[0] if explained else str(error)) from error


def check_searchable(config: TrainConfig) -> None:
    """Check that trainings can be searched over.

    Raises:
        InputError: naming the option that stands against it.
    """
    for name in ("resume", "find", "overfit"):
        if getattr(config, name) is not None:
            raise InputError(f"{name}={getattr(config, name)}: no training to search over; expected it to be left out")
    if "none" in config.loggers:
        raise InputError("logger=none: nothing to tell by how a trial goes; expected csv, or one of the others")
