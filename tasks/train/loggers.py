"""Where the numbers of a run go: CSV and TensorBoard files in its folder, Weights & Biases, MLflow."""

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from lightning.pytorch.loggers import CSVLogger, Logger, MLFlowLogger, TensorBoardLogger, WandbLogger

from data.errors import InputError
from tasks.parsing import to_plain
from tasks.runs.folder import LOGS, count_starts
from tasks.train.config import TrainConfig

TENSORBOARD = "tensorboard"
PROJECT = "bneck"  # in Weights & Biases and MLflow, unless their environment variables say otherwise
EXTRAS = ("wandb", "mlflow")  # installed by `pip install 'bneck[NAME]'`


def check_installed(names: Sequence[str]) -> None:
    """Check that the packages of these loggers are there.

    Raises:
        InputError: naming the first that is not installed.
    """
    for name in names:
        if name in EXTRAS and find_spec(name) is None:
            raise InputError(f"logger: {name} is not installed; pip install 'bneck[{name}]'")


def build_loggers(names: Sequence[str], out: Path, *, first: int | None = None) -> list[Logger]:
    """Build the loggers of a run in the folder `out`; CSV is among them unless the names are "none" alone.

    Args:
        names: as configured.
        out: folder of the run.
        first: step that a resumed run goes on at; what TensorBoard has of later ones is done again. None for a new run.
    """
    loggers: list[Logger] = []
    for name in () if "none" in names else dict.fromkeys(["csv", *names]):
        if name == "csv":
            loggers.append(CSVLogger(out, LOGS, version=f"start_{count_starts(out)}"))
        elif name == "tensorboard":
            loggers.append(TensorBoardLogger(out, TENSORBOARD, version="", default_hp_metric=False, purge_step=first))
        elif name == "wandb":
            project = os.environ.get("WANDB_PROJECT", PROJECT)
            loggers.append(WandbLogger(name=out.name, save_dir=out, project=project))
        else:
            loggers.append(_build_mlflow(out))
    return loggers


def log_configuration(loggers: list[Logger], config: TrainConfig) -> None:
    """Give the configuration to the loggers that show it; CSV files lie beside config.yaml, which has it."""
    for logger in loggers:
        if not isinstance(logger, CSVLogger):
            logger.log_hyperparams(to_plain(config))


def _build_mlflow(out: Path) -> MLFlowLogger:
    import mlflow  # late, as few have it

    experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)
    return MLFlowLogger(experiment, run_name=out.name, tracking_uri=mlflow.get_tracking_uri())
