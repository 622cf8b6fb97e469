"""Where the numbers of a run go: CSV and TensorBoard files in its folder, Weights & Biases, MLflow."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import CSVLogger, Logger, MLFlowLogger, TensorBoardLogger, WandbLogger

from data.errors import InputError
from tasks.runs.folder import LOGS, count_starts

TENSORBOARD = "tensorboard"
PROJECT = "bneck"  # in Weights & Biases and MLflow, unless their environment variables say otherwise
NAMES = ("csv", "tensorboard", "wandb", "mlflow", "none")
EXTRAS = ("wandb", "mlflow")  # installed by `pip install 'bneck[NAME]'`


def parse_loggers(value: Any) -> list[str]:
    """Return the names of the loggers that `logger=` asks for; CSV is among them unless it is "none".

    Raises:
        InputError: if there is no such logger, or its package is not installed.
    """
    names = [str(name) for name in (value if isinstance(value, list) else [value])]
    for name in names:
        if name not in NAMES:
            raise InputError(
                f"logger: unknown {name!r}; choose from {', '.join(NAMES)}, or several: logger=[csv,wandb]"
            )
        if name in EXTRAS and find_spec(name) is None:
            raise InputError(f"logger: {name} is not installed; pip install 'bneck[{name}]'")
    if "none" in names:
        if len(set(names)) > 1:
            raise InputError(f"logger: {names}; expected none alone, or no none")
        return []
    return list(dict.fromkeys(["csv", *names]))


def build_loggers(names: list[str], out: Path) -> list[Logger]:
    """Build the loggers of a run in the folder `out`."""
    loggers: list[Logger] = []
    for name in names:
        if name == "csv":
            loggers.append(CSVLogger(out, LOGS, version=f"start_{count_starts(out)}"))
        elif name == "tensorboard":
            loggers.append(TensorBoardLogger(out, TENSORBOARD, version="", default_hp_metric=False))
        elif name == "wandb":
            project = os.environ.get("WANDB_PROJECT", PROJECT)
            loggers.append(WandbLogger(name=out.name, save_dir=out, project=project))
        else:
            loggers.append(_build_mlflow(out))
    return loggers


def log_configuration(loggers: list[Logger], config: dict[str, Any]) -> None:
    """Give the configuration to the loggers that show it; CSV files lie beside config.yaml, which has it."""
    for logger in loggers:
        if not isinstance(logger, CSVLogger):
            logger.log_hyperparams(config)


def _build_mlflow(out: Path) -> MLFlowLogger:
    import mlflow  # late, as few have it

    experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)
    return MLFlowLogger(experiment, run_name=out.name, tracking_uri=mlflow.get_tracking_uri())
