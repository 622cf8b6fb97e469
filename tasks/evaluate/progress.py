"""How far an evaluation is: in a terminal a bar with the time left, elsewhere now and then a line."""

import logging
import time
from typing import TYPE_CHECKING

import lightning as L

from tasks.cli.display import Display, format_time
from tasks.processes import is_first

if TYPE_CHECKING:
    from tasks.parts import Batch

logger = logging.getLogger(__name__)

SILENCE = 30.0  # seconds between two lines of an evaluation without a terminal
EVALUATION = "evaluation"  # the bar


class EvaluationProgress(L.Callback):
    """Says how far an evaluation is: a bar in a terminal, now and then a line elsewhere."""

    def __init__(self) -> None:
        self.display = Display(wanted=is_first())

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the clock."""
        self._begin = self._said = time.perf_counter()
        self.display.start()

    def on_validation_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: object,
        batch: "Batch",
        batch_idx: int,
        *_: object,
    ) -> None:
        """Move the bar, or say a line after a long silence."""
        now, done, total = time.perf_counter(), batch_idx + 1, int(trainer.num_val_batches[0])
        left = format_time((now - self._begin) / done * (total - done))
        self.display.update(EVALUATION, done, total, text=f"evaluating, batch {done}/{total}", left=f"{left} left")
        if not self.display.shown and now - self._said > SILENCE:
            self._said = now
            logger.info("evaluating, batch %d/%d  %s left", done, total, left)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Take the bar away."""
        self.display.stop()

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        """Take the bar away."""
        self.display.stop()
