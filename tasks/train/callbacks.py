"""What happens around training steps: averaged weights, what checkpoints hold, parts that stay as they are."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lightning as L
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, WeightAveraging
from lightning.pytorch.callbacks.early_stopping import EarlyStoppingReason
from torch import Tensor

from tasks.models.description import Description
from tasks.models.pretrained.state_files import KEY
from tasks.train.freezing import list_frozen

if TYPE_CHECKING:
    from tasks.parts import Batch

logger = logging.getLogger(__name__)

PROJECTION = "projection"  # of the student's C5 to a teacher's features, in checkpoints


class AveragedWeights(WeightAveraging):
    """Exponential moving average of weights and buffers; what validation sees and checkpoints put first.

    The decay rises as (1 + n) / (10 + n) to its final value, so that short runs average too.

    Args:
        decay: final share of the average that a step keeps.
    """

    def __init__(self, decay: float) -> None:
        def average(averages: list[Tensor], values: list[Tensor], count: Tensor | int) -> None:
            n = torch.as_tensor(count, dtype=torch.float32, device=averages[0].device)
            share = 1 - torch.clamp((1 + n) / (10 + n), max=decay)
            if averages[0].is_floating_point():
                differences = torch._foreach_sub(values, averages)
                torch._foreach_mul_(differences, share)
                torch._foreach_add_(averages, differences)
            else:
                torch._foreach_copy_(averages, values)

        super().__init__(multi_avg_fn=average)

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Make the average on the device that the weights will be on; at this point they are still on the CPU."""
        self._device = trainer.strategy.root_device
        super().setup(trainer, pl_module, stage)


class Checkpoints(ModelCheckpoint):
    """Lightning's checkpoints, which also know the best one of a run whose folder was moved before it was resumed."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state with its paths moved to the current folder."""

        def here(path: str) -> str:
            return str(Path(str(self.dirpath)) / Path(path).name) if path else path

        paths = {key: here(state_dict[key]) for key in ("best_model_path", "kth_best_model_path", "last_model_path")}
        scores = {here(path): score for path, score in state_dict["best_k_models"].items()}
        super().load_state_dict({**state_dict, **paths, "best_k_models": scores, "dirpath": self.dirpath})


class StopEarly(EarlyStopping):
    """Lightning's early stopping, which also keeps a run from going on that had stopped before it was resumed.

    An evaluation counts once, though it may be done again: best.ckpt is written right after it.
    """

    def __init__(self, metric: str, *, patience: int, threshold: float | None) -> None:
        super().__init__(metric, mode="max", patience=patience, stopping_threshold=threshold)
        self._counted = -1  # optimizer step of the last evaluation

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs to know."""
        return {**super().state_dict(), "counted": self._counted}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore it; checkpoints of earlier versions do not say what was counted."""
        super().load_state_dict(state_dict)
        self._counted = state_dict.get("counted", -1)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Stop at once where the checkpoint is of the epoch that was the last."""
        if self.stopping_reason is not EarlyStoppingReason.NOT_STOPPED:
            logger.info("training had stopped early, in epoch %d; it is not continued", self.stopped_epoch + 1)
            trainer.should_stop = True

    def _run_early_stopping_check(self, trainer: L.Trainer) -> None:
        if trainer.global_step != self._counted:
            self._counted = trainer.global_step
            super()._run_early_stopping_check(trainer)


class Describe(L.Callback):
    """Puts the description of the model into every checkpoint."""

    def __init__(self, description: Description) -> None:
        self.description = description

    def on_save_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Add the entry that `load_checkpoint` reads."""
        checkpoint[KEY] = self.description.to_dict()


class FreezeBatchNorm(L.Callback):
    """Keeps the norms of frozen parts on the statistics that they came with, in training too.

    Args:
        freeze: as `tasks.train.freezing.list_frozen` takes it.
    """

    def __init__(self, freeze: str) -> None:
        self.freeze = freeze

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: "Batch", batch_idx: int
    ) -> None:
        """Put the frozen parts into evaluation mode, whatever has switched them since the last step."""
        for part in list_frozen(pl_module.model, self.freeze):  # type: ignore[arg-type]
            part.eval()


class HoldTeacher(L.Callback):
    """Takes the module's teacher along: to the device, and the projection to its features through checkpoints."""

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Move the teacher to where the student is."""
        teacher: Any = pl_module.teacher
        if teacher is not None:
            teacher.to(pl_module.device)

    def on_save_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Add the projection, all of a teacher that training changes."""
        teacher: Any = pl_module.teacher
        if teacher is not None and teacher.projection is not None:
            checkpoint[PROJECTION] = teacher.projection.state_dict()

    def on_load_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Restore the projection."""
        teacher: Any = pl_module.teacher
        if PROJECTION in checkpoint:
            teacher.projection.load_state_dict(checkpoint[PROJECTION])
