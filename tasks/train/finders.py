"""Lightning's finders: a learning rate, or the largest batch that fits; nothing is trained.

The rates are tried by L. Smith's range test (arXiv:1506.01186, section 3.3): the rate grows from step to step until the
loss does.
"""

import io
import logging
import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, redirect_stderr
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.tuner.tuning import Tuner
from torch.utils.data import DataLoader

from data.errors import InputError
from tasks.cli.typed import task_command
from tasks.drawing.figures import ACCENT, new_figure, save_figure, style_axes
from tasks.files import write_json
from tasks.train.config import TrainConfig
from tasks.train.memory import limit_memory
from tasks.train.preparation import build_loader
from tasks.train.trainers import choose_precision
from tasks.trainer import make_trainer

if TYPE_CHECKING:
    from tasks.parts import Batch, Module, Reader

logger = logging.getLogger(__name__)

RATES = (1e-5, 10.0)  # lowest and highest learning rate that is tried
STEPS = 100  # as many rates
MARGIN = 3  # from the rate of the lowest loss, beyond which it grows
LARGEST = {"cpu": 64, "cuda": 1024, "mps": 256}  # batch that is tried; larger batches are no faster on a CPU
TRIALS = 3  # steps with each batch size


def find(config: TrainConfig, out: Path, *, module: "Module", reader: "Reader") -> dict[str, Any]:
    """Look for what config.find names; write a curve and a JSON file into `out`, and say how to go on.

    Args:
        config: of the run that the finding is for.
        out: folder, which is made at the end.
        module: that would be trained.
        reader: that it would be trained on.

    Returns:
        What was found and tried, as written.
    """
    name = str(config.find)
    with TemporaryDirectory() as folder:  # Lightning keeps the weights there for as long as it looks
        trainer = build_trainer(config, folder)
        if module.teacher is not None:
            module.teacher.to(trainer.strategy.root_device)
        find_it = find_rate if name == "lr" else find_batch_size
        found = find_it(trainer, module, reader=reader, config=config)
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / f"find_{name}.json", found)
    plot(found, out / f"find_{name}.png", name=name)
    again = [option for option in config.typed if not option.startswith(("find=", f"{name}=", "out="))]
    logger.info("%s=%s; curve: %s", name, found["suggestion"], out / f"find_{name}.png")
    logger.info("next:\n  %s", task_command("train", *again, f"{name}={found['suggestion']}"))
    return found


def build_trainer(config: TrainConfig, folder: str) -> L.Trainer:
    """Build a trainer that steps as the run's would, and writes nothing outside `folder`."""
    settings = config.trainer
    return make_trainer(
        accelerator=settings.accelerator,
        precision=choose_precision(settings.precision, settings.accelerator),
        gradient_clip_val=settings.gradient_clip_val,
        accumulate_grad_batches=settings.accumulate_grad_batches,
        max_epochs=-1,
        default_root_dir=folder,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        num_sanity_val_steps=0,
    )


def find_rate(trainer: L.Trainer, module: "Module", *, reader: "Reader", config: TrainConfig) -> dict[str, Any]:
    """Try learning rates from low to high, a step each.

    Lightning's own losses are not used: it smooths them over fifty steps, the first ones with the wrong weight.

    Returns:
        The suggestion, and the rates with their losses.

    Raises:
        InputError: if the loss falls at none.
    """
    low, high = RATES
    logger.info("trying %d learning rates from %g to %g, a step each", STEPS, low, high)
    losses: list[torch.Tensor] = []
    step: Callable[..., dict[str, torch.Tensor]] = module.training_step

    def remember(batch: object, batch_idx: int) -> dict[str, torch.Tensor]:
        given = step(batch, batch_idx)
        losses.append(given["train/loss"])
        return given

    module.training_step = remember  # type: ignore[method-assign]
    loader = build_loader(reader, config)
    with hide_bar():
        finder = Tuner(trainer).lr_find(module, loader, min_lr=low, max_lr=high, num_training=STEPS, update_attr=False)
    rates = np.array(finder.results["lr"])  # type: ignore[union-attr]
    each = config.trainer.accumulate_grad_batches
    found = torch.stack(losses).float().cpu().numpy()[: len(rates) * each].reshape(-1, each).mean(axis=1)
    rates = rates[: len(found)]
    return {"suggestion": suggest_rate(rates, found), "lr": rates.tolist(), "loss": to_finite(found)}


@contextmanager
def hide_bar() -> Iterator[None]:
    """Keep Lightning's bar, which cannot be switched off, out of log files."""
    if sys.stderr.isatty():
        yield
        return
    with redirect_stderr(io.StringIO()):
        yield


def suggest_rate(rates: np.ndarray, losses: np.ndarray) -> float:
    """Return a third of the rate of the lowest loss, smoothed, to two digits.

    `lr=` is the highest rate of a schedule, so that it may be near the edge. Lightning suggests where the loss falls
    fastest over the rate itself, which favours the lowest rates.

    Args:
        rates: (P,), rising by a constant factor.
        losses: (P,); those that are not finite come at the end.

    Raises:
        InputError: if the loss falls nowhere.
    """
    finite = losses[np.isfinite(losses)]
    reach = max(1, len(finite) // 20)  # a value counts with so many on either side
    padded = np.pad(finite, reach, mode="edge")
    smooth = np.convolve(padded, np.ones(2 * reach + 1) / (2 * reach + 1), mode="valid")  # (P,)
    lowest = int(np.argmin(smooth))
    if lowest <= reach:
        raise InputError("find=lr: the loss does not fall at any rate; try overfit=8, which shows whether it can")
    return float(f"{rates[lowest] / MARGIN:.1e}")


def to_finite(losses: np.ndarray) -> list[float | None]:
    """Return plain values; None where a loss is none, which JSON has no number for."""
    return [float(loss) if np.isfinite(loss) else None for loss in losses]


class Batches(L.LightningDataModule):
    """Training batches of a size that Lightning's finder changes.

    Attributes:
        batch_size: of the loader that is built next.
        times: by batch size, when each of its batches came.
    """

    def __init__(self, reader: "Reader", config: TrainConfig) -> None:
        super().__init__()
        self.reader = reader
        self.config = config
        self.batch_size = 2
        self.times: dict[int, list[float]] = {}

    def train_dataloader(self) -> DataLoader:
        """Return the loader of this size, of images of the largest size."""
        largest = max(self.config.recipe.training_sizes, key=math.prod)
        recipe = replace(self.config.recipe, batch_size=self.batch_size, size=largest, sizes=None)
        return build_loader(self.reader, replace(self.config, recipe=recipe))

    def val_dataloader(self) -> list[DataLoader]:
        """Return none: nothing is evaluated, though the module could."""
        return []

    def on_before_batch_transfer(self, batch: "Batch", dataloader_idx: int) -> "Batch":
        """Note the time; on a GPU when it is done with the batch before."""
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.times.setdefault(self.batch_size, []).append(time.perf_counter())
        return batch


def find_batch_size(trainer: L.Trainer, module: "Module", *, reader: "Reader", config: TrainConfig) -> dict[str, Any]:
    """Double the batch until memory runs out, the data do, or larger ones bring nothing.

    Returns:
        The suggestion, the largest of those that fit, and the images a second of each.
    """
    kind = trainer.strategy.root_device.type
    largest = min(LARGEST.get(kind, LARGEST["cpu"]), len(reader))
    logger.info("trying batches of 2, 4, ... %d at most, %d steps each", largest, TRIALS)
    data = Batches(reader, config)
    with limit_memory() if kind == "cpu" else nullcontext():
        # Lightning returns the last size untried, so that one more doubling is asked for than is wanted.
        Tuner(trainer).scale_batch_size(module, datamodule=data, steps_per_trial=TRIALS, max_val=2 * largest)
    tried = {size: TRIALS - 1 for size, times in data.times.items() if len(times) >= TRIALS and size <= largest}
    speeds = {s: s * n / (data.times[s][n] - data.times[s][0]) for s, n in tried.items()}
    fits = max(speeds)
    return {"suggestion": fits, "batch_size": list(speeds), "images_per_second": list(speeds.values())}


def plot(found: dict[str, Any], path: Path, *, name: str) -> None:
    """Draw what was tried, the suggestion marked."""
    x, y = ("lr", "loss") if name == "lr" else ("batch_size", "images_per_second")
    figure = new_figure(6, 4)
    axes = figure.subplots()
    values = np.array(found[y], dtype=float)
    axes.plot(found[x], values, color=ACCENT, marker=None if name == "lr" else "o")
    axes.axvline(found["suggestion"], color="#c03a2b", linestyle="--", label=f"{name}={found['suggestion']}")
    style_axes(axes, title=f"find={name}", xlabel=x.replace("_", " "), ylabel=y.replace("_", " "))
    axes.set_xscale("log" if name == "lr" else "linear")
    if name == "lr":  # the last losses may be a thousand times the first
        axes.set_ylim(0.9 * np.nanmin(values), 1.5 * np.nanmedian(values))
    else:
        axes.set_ylim(bottom=0)
    axes.legend()
    save_figure(figure, path)
