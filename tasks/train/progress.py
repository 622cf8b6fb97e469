"""How far a run is: a line an epoch, which log files keep, and in a terminal a bar with the time left."""

import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import lightning as L
import torch
from torch import Tensor

from data.loading import EpochSampler
from tasks.cli.display import Display, format_time
from tasks.evaluate.progress import EVALUATION

if TYPE_CHECKING:
    from tasks.parts import Batch

logger = logging.getLogger(__name__)

REFRESH = 10  # steps between two looks at the loss, which a GPU must be waited for
OFTEN = 10.0  # seconds between two lines of short epochs that are not evaluated
RUN = "training"  # the bar
SPEED = "images_per_second"  # as it is logged


class Progress(L.Callback):
    """Logs the learning rate and the images a second, waiting for data included; says a line after each epoch.

    Args:
        metric: as it is logged, "val/mAP"; what decides which checkpoint is best.
        bar: whether to draw a bar, too, where there is a terminal.

    Attributes:
        best: highest value of the metric so far, and its epoch, from 1; None before the first evaluation.
    """

    def __init__(self, metric: str, *, bar: bool) -> None:
        self.metric = metric
        self.best: tuple[float, int] | None = None
        self.display = Display(wanted=bar)
        self._clear()

    def _clear(self) -> None:
        """Forget the epoch before."""
        self.images, self.seconds = 0, 0.0
        self._measured: float | None = None
        self._loss, self._batches = torch.zeros(()), 0

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs to know."""
        epoch = {"loss": self._loss, "batches": self._batches, "images": self.images, "seconds": self.seconds}
        return {"best": None if self.best is None else list(self.best), "epoch": epoch}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore it."""
        best = state_dict["best"]
        self.best = None if best is None else (best[0], best[1])
        epoch = state_dict.get("epoch")  # checkpoints of earlier versions have none
        if epoch is not None:
            self._loss, self._batches = epoch["loss"], epoch["batches"]
            self.images, self.seconds = epoch["images"], epoch["seconds"]

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the clock of the run, and where it goes on within an epoch that of the epoch."""
        self._begin = self._said = time.perf_counter()
        self._start = self._begin - self.seconds
        self._loss = self._loss.to(pl_module.device)
        self._done = 0  # batches since the start
        self._total = ((trainer.max_epochs or 0) - trainer.current_epoch) * int(trainer.num_training_batches)
        loop = trainer.fit_loop.epoch_loop
        if loop.restarting:  # in the middle of an epoch
            self._total -= loop.batch_progress.current.completed
        self.display.start()

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the clock of the epoch."""
        self._clear()
        self._loss = self._loss.to(pl_module.device)
        self._start = time.perf_counter()

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Mapping[str, Tensor],  # type: ignore[override]  # what training_step gives
        batch: "Batch",
        batch_idx: int,
    ) -> None:
        """Log the losses, learning rate and speed, averaged over the epoch so far, and move the bar."""
        self.images += len(batch.images) if trainer.world_size == 1 else count_batch(trainer)
        self.seconds = time.perf_counter() - self._start
        speed, lr = self.images / self.seconds, trainer.optimizers[0].param_groups[0]["lr"]
        losses = {name: value for name, value in outputs.items() if name != "loss"}  # which Lightning may have divided
        # Filled on the device, as a copy to a GPU waits for all its work.
        numbers = {name: torch.full((), x, device=pl_module.device) for name, x in (("lr", lr), (SPEED, speed))}
        pl_module.log_dict({**losses, **numbers}, batch_size=len(batch.images))
        self._loss += outputs["train/loss"]
        self._done, self._batches = self._done + 1, self._batches + 1
        if self.display.shown:
            self.display.update(RUN, self._done, self._total, text=self._epoch(trainer), left=f"{self._left()} left")
            if batch_idx % REFRESH == 0:
                self.display.say(f"{self._numbers(trainer)}  lr {lr:.3g}")

    def on_validation_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: object,
        batch: "Batch",
        batch_idx: int,
        *_: object,
    ) -> None:
        """Move the bar of the evaluation."""
        self.display.update(EVALUATION, batch_idx + 1, int(trainer.num_val_batches[0]))

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Take note of the metric."""
        self.display.remove(EVALUATION)
        value = float(trainer.callback_metrics[self.metric])
        self._measured = value
        if self.best is None or value > self.best[0]:
            self.best = (value, trainer.current_epoch + 1)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Say how the epoch went; short ones that are not evaluated pass in silence."""
        now = time.perf_counter()
        if self._measured is None and now - self._said < OFTEN:
            return
        self._said = now
        logger.info("%s  %s  %s left", self._epoch(trainer), self._numbers(trainer), self._left())

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Take the bar away."""
        self.display.stop()

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        """Take the bar away."""
        self.display.stop()

    def _epoch(self, trainer: L.Trainer) -> str:
        width = len(str(trainer.max_epochs))
        return f"epoch {trainer.current_epoch + 1:{width}}/{trainer.max_epochs}"

    def _left(self) -> str:
        seconds = (time.perf_counter() - self._begin) / max(1, self._done)
        return format_time(seconds * (self._total - self._done))

    def _numbers(self, trainer: L.Trainer) -> str:
        parts = [f"loss {self._loss.item() / max(1, self._batches):.4f}"]
        name = self.metric.removeprefix("val/")
        if self._measured is not None:
            parts.append(f"{name} {self._measured:.4f}")
        if self.best is not None:
            parts.append(f"best {name} {self.best[0]:.4f} (epoch {self.best[1]})")
        return "  ".join([*parts, f"{self.images / max(1e-9, self.seconds):.1f} images/s"])


def count_batch(trainer: L.Trainer) -> int:
    """Return the images of a batch in all processes together, whose shares may differ."""
    sampler: EpochSampler = trainer.train_dataloader.sampler  # type: ignore[union-attr]
    return min(sampler.batch_size, sampler.length)
