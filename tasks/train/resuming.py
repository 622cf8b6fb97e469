"""Where a run goes on that was cut: read from its checkpoint, checked, and restored bit for bit."""

import random
from pathlib import Path
from typing import Any, NamedTuple

import lightning as L
import numpy as np
import torch
from torch import nn

from data.errors import InputError
from tasks.files import METRICS, Metrics
from tasks.models.description import Description
from tasks.models.pretrained.state_files import load_pickled
from tasks.report.page import REPORT
from tasks.runs import forms
from tasks.runs.checkpoints import lacking
from tasks.runs.environment import read_starts
from tasks.runs.reading import read_json
from tasks.train.callbacks import StopEarly
from tasks.train.config import TrainConfig

RANDOM = "random"  # the states, in checkpoints
PLAIN = "MT19937"  # NumPy's generator, the only one that np.random's own state is of


class Position(NamedTuple):
    """Between which two steps a checkpoint was written.

    Attributes:
        epoch: that the next step is of, from 0.
        batch: of that step, from 0; as many as an epoch has where its evaluation comes next.
        logged: the step's number in the logs.
    """

    epoch: int
    batch: int
    logged: int


def find_finished(out: Path, last: Path, *, epochs: int) -> Metrics | None:
    """Return the metrics of a run that there is nothing to do for; None if there is, or it cannot be told.

    Args:
        out: its folder.
        last: its newest checkpoint.
        epochs: that it is to have.
    """
    starts = read_starts(out)
    if not starts or starts[-1].get("seconds") is None or not (out / REPORT).is_file():
        return None
    try:
        content = load_pickled(last)
        position = find_position(content["loops"]["fit_loop"])
        stops = [state for name, state in content["callbacks"].items() if name.startswith(StopEarly.__name__)]
    except (KeyError, TypeError, AttributeError, InputError):  # named when it is gone on with
        return None
    over = position.epoch >= epochs or any(state["stopping_reason"] for state in stops)
    return read_json(out / METRICS, forms.Metrics) or None if over else None


def check_task(path: Path, description: Description, config: TrainConfig) -> None:
    """Check that a checkpoint is of the network that a run trains.

    Raises:
        InputError: naming both.
    """
    found, expected = description.arch, config.recipe.own.model
    if (found.head, found.backbone) != (expected.head, expected.backbone):
        raise InputError(
            f"resume: {path} is of {found.head} on {found.backbone}; expected a checkpoint of this run, "
            f"{expected.head} on {expected.backbone}"
        )


def read_position(path: Path, config: TrainConfig, module: nn.Module, *, batches: int) -> Position:
    """Read where a run goes on.

    Args:
        path: of its checkpoint, as `find_newest` gives it.
        config: of the run.
        module: that is trained.
        batches: in an epoch.

    Raises:
        InputError: if the checkpoint does not hold all that a run goes on with, or is not of this one.
    """
    content = load_pickled(path)
    if _lacks_state(content["optimizer_states"], config):
        raise lacking(path, ["the state of the optimizer"])
    _check_tensors(path, content.get("current_model_state", content["state_dict"]), module)
    try:
        position = find_position(content["loops"]["fit_loop"])
    except (KeyError, TypeError) as error:
        raise InputError(f"resume: {path} does not say where it was written: {error!r}") from error
    epochs = config.trainer.max_epochs
    if not (0 <= position.epoch <= epochs and 0 <= position.batch <= batches and position.logged >= 0):
        raise InputError(
            f"resume: {path} was written at batch {position.batch} of epoch {position.epoch}; expected one of "
            f"{batches} batches in one of {epochs} epochs"
        )
    return position


def _lacks_state(optimizers: list[dict[str, Any]], config: TrainConfig) -> bool:
    """Tell whether an optimizer has no memory of its steps, though it is one that remembers."""
    state = optimizers[0].get("state")
    return not state and (config.optimizer.name != "sgd" or config.optimizer.momentum > 0)


def _check_tensors(path: Path, found: dict[str, Any], module: nn.Module) -> None:
    expected = module.state_dict()
    wrong = [name for name in {**expected, **found} if name not in expected or name not in found]
    wrong = wrong or [name for name in expected if found[name].shape != expected[name].shape]
    if wrong:
        raise InputError(
            f"resume: {path} is not of this run's network: missing, unknown or of another shape: {', '.join(wrong[:5])}"
        )


def find_position(loop: dict[str, Any]) -> Position:
    """Return the position that the progress of Lightning's loop tells.

    Raises:
        KeyError, TypeError: if it tells none.
    """
    epochs = loop["epoch_progress"]["current"]
    epoch, begun = epochs["processed"], epochs["started"]
    batch = loop["epoch_loop.batch_progress"]["current"]["completed"] if begun > epoch else 0
    position = Position(epoch, batch, loop["epoch_loop.state_dict"]["_batches_that_stepped"])
    if not all(type(number) is int for number in position):
        raise TypeError(f"{position} are no integers")
    return position


class RandomStates(L.Callback):
    """Keeps the random states of torch, NumPy and Python in checkpoints; a resumed run begins its steps with them."""

    def __init__(self) -> None:
        self._found: dict[str, Any] | None = None

    def on_save_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Add the states."""
        checkpoint[RANDOM] = read_random()

    def on_load_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Take note of the states; checkpoints of earlier versions have none."""
        self._found = checkpoint.get(RANDOM)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Restore them, once all is built that may draw numbers."""
        if self._found is not None:
            restore_random(self._found)


def read_random() -> dict[str, Any]:
    """Return the random states as plain values."""
    _, keys, position, has_gauss, gauss = np.random.get_state()  # noqa: NPY002  # others may use it
    version, words, following = random.getstate()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "numpy": [np.asarray(keys).tolist(), int(position), int(has_gauss), float(gauss)],
        "python": [version, list(words), following],
    }


def restore_random(states: dict[str, Any]) -> None:
    """Restore what `read_random` gave; of GPUs, where there are as many."""
    torch.set_rng_state(states["torch"])
    if len(states["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(states["cuda"])
    keys, *rest = states["numpy"]
    np.random.set_state((PLAIN, np.array(keys, dtype=np.uint32), *rest))  # noqa: NPY002
    version, words, following = states["python"]
    random.setstate((version, tuple(words), following))
