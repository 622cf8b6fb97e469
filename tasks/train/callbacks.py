"""What happens around training steps: averaged weights, what checkpoints hold, parts that stay as they are."""

import logging
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lightning as L
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, WeightAveraging
from lightning.pytorch.callbacks.early_stopping import EarlyStoppingReason
from torch import Tensor, nn

from tasks.collectives import average_gradients
from tasks.models.description import Description
from tasks.models.pretrained.state_files import KEY
from tasks.train.freezing import list_frozen

if TYPE_CHECKING:
    from tasks.parts import Batch

logger = logging.getLogger(__name__)

PROJECTION = "projection"  # of the student's C5 to a teacher's features, in checkpoints


class AveragedWeights(WeightAveraging):
    """Exponential moving average of weights and buffers; what validation sees and checkpoints put first.

    The decay rises as (1 + n) / (10 + n) to its final value, so that short runs average too. Lightning's own way sorts
    all tensors in Python after each step, and has the host wait for the device twice: a fifth of a step on a GPU.

    Args:
        decay: final share of the average that a step keeps.
    """

    def __init__(self, decay: float) -> None:
        super().__init__()
        self.decay = decay

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Make the average on the device that the weights will be on; at this point they are still on the CPU."""
        self._device = trainer.strategy.root_device
        super().setup(trainer, pl_module, stage)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """List what is averaged, now that it lies where it stays and a checkpoint has been read."""
        average: Any = self._average_model
        self._count: Tensor = average.n_averaged
        self._copies = int(self._count) == 0  # the first weights are the average
        pairs = list(zip(_list_tensors(average.module), _list_tensors(pl_module), strict=True))
        self._averages, self._weights = _unzip([pair for pair in pairs if pair[0].is_floating_point()])
        self._latest, self._counts = _unzip([pair for pair in pairs if not pair[0].is_floating_point()])

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Mapping[str, Tensor],  # type: ignore[override]  # what training_step gives
        batch: "Batch",
        batch_idx: int,
    ) -> None:
        """Average after an optimizer step."""
        if trainer.global_step > self._latest_update_step:
            self.update()
            self.mark(trainer.global_step)

    def mark(self, step: int) -> None:
        """Take note that the average holds the weights after this optimizer step, counted from 1."""
        self._latest_update_step = step

    @torch.no_grad()
    def update(self) -> None:
        """Average the current weights; but for the first ones, the host decides nothing and waits for nothing."""
        if self._copies:
            torch._foreach_copy_(self._averages, self._weights)
            self._copies = False
        else:
            n = self._count.float()
            share = 1 - torch.clamp((1 + n) / (10 + n), max=self.decay)
            differences = torch._foreach_sub(self._weights, self._averages)
            torch._foreach_mul_(differences, share)
            torch._foreach_add_(self._averages, differences)
        if self._latest:  # counts of batches in norms
            torch._foreach_copy_(self._latest, self._counts)
        self._count += 1


def _list_tensors(module: nn.Module) -> list[Tensor]:
    """Return the tensors that a module's parameters and buffers share their memory with."""
    return [tensor.detach() for tensor in chain(module.parameters(), module.buffers())]


def _unzip(pairs: list[tuple[Tensor, Tensor]]) -> tuple[list[Tensor], list[Tensor]]:
    """Return the first and the second ones of pairs."""
    return [first for first, _ in pairs], [second for _, second in pairs]


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
    """Takes the module's teacher along: to the device, and the projection to its features through checkpoints.

    Of several processes the projection learns from all: it is no part of the module, whose gradients are averaged.
    """

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Move the teacher to where the student is."""
        teacher: Any = pl_module.teacher
        if teacher is not None:
            teacher.to(pl_module.device)

    def on_before_optimizer_step(
        self, trainer: L.Trainer, pl_module: L.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """Average the gradients of the projection."""
        teacher: Any = pl_module.teacher
        if teacher is not None and teacher.projection is not None:
            average_gradients(teacher.projection)

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
