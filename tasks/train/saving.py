"""The checkpoint that a run goes on from: when it is written."""

import time
from pathlib import Path

import lightning as L
from lightning.pytorch.callbacks import Checkpoint

from tasks.train.config import Interval
from tasks.train.finite import Finite
from tasks.train.signals import Signals

FIRST = 60.0  # seconds after which there is one to go on from, however rare they are


class KeepLast(Checkpoint):
    """Writes last.ckpt at the end of each epoch, every so often in between, and when a signal ends the run.

    Args:
        path: of the file, which is replaced.
        interval: how often in between.
        signals: of the run.
        finite: sees to it that no checkpoint holds weights that are no numbers.
    """

    def __init__(self, path: Path, interval: Interval, *, signals: Signals, finite: Finite) -> None:
        self.path = path
        self.interval = interval
        self.signals = signals
        self.finite = finite

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the clock."""
        self._time, self._step = time.monotonic(), trainer.global_step
        self._wait = FIRST

    def look(self, trainer: L.Trainer, *, evaluates: bool = False) -> None:
        """Between two steps: save where it is time to.

        Args:
            trainer: of the run.
            evaluates: whether an evaluation follows.

        Raises:
            Stopped: if a signal came.
        """
        (due,) = self.signals.agree(self._is_due(trainer))
        if self.signals.received is not None or due:
            self.keep(trainer)
        elif evaluates:
            self.finite.check_weights(trainer)  # it may make them the best ones
        self.signals.check()

    def _is_due(self, trainer: L.Trainer) -> bool:
        """Tell whether it is time to by this process's clock, of which the first decides."""
        steps = self.interval.steps
        if steps is not None and trainer.global_step - self._step >= steps:
            return True
        return time.monotonic() - self._time >= self._wait

    def keep(self, trainer: L.Trainer) -> None:
        """Write the checkpoint, and what was logged before it."""
        self.finite.check_weights(trainer)
        for logger in trainer.loggers:
            logger.save()
        trainer.save_checkpoint(self.path, weights_only=False)
        self._time, self._step = time.monotonic(), trainer.global_step
        self._wait = float("inf") if self.interval.minutes is None else 60.0 * self.interval.minutes

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Save; Lightning calls this after all other callbacks.

        Raises:
            Stopped: if a signal came.
        """
        self.signals.agree()
        self.keep(trainer)
        self.signals.check()

    def on_validation_batch_end(self, *_: object) -> None:
        """Leave the evaluation where a signal came; several processes end it first.

        Raises:
            Stopped: naming it.
        """
        self.signals.check()
