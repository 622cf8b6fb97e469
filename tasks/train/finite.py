"""An end to a run whose loss or weights are no numbers any more, before they reach a checkpoint."""

from collections.abc import Iterator, Mapping
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

import lightning as L
import torch
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor
from torch.utils.data import DataLoader

from data.errors import RunError
from tasks.train.config import TrainConfig

if TYPE_CHECKING:
    from data.loading import EpochSampler
    from tasks.parts import Batch, Reader

NAMED = 8  # images in a message, at most


class NotFiniteError(RunError):
    """The loss or the weights are no numbers."""


class Finite(L.Callback):
    """Looks at every loss, and at the weights before they are evaluated or saved.

    A GPU is waited for every few steps only.

    Args:
        config: of the run.
        loader: of its batches.
        kept: the checkpoint to go back to.
    """

    def __init__(self, config: TrainConfig, loader: DataLoader, *, kept: Path) -> None:
        self.config = config
        self.loader = loader
        self.kept = kept

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start to count."""
        device, patience = pl_module.device, self.config.trainer.nan_patience
        self._every = 1 if device.type == "cpu" else max(1, patience // 2)  # steps between two looks
        self._bad = torch.zeros((), dtype=torch.int64, device=device)  # steps in a row
        self._loss = torch.zeros((), device=device)
        self._seen = 0

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Mapping[str, Tensor],  # type: ignore[override]  # what training_step gives
        batch: "Batch",
        batch_idx: int,
    ) -> None:
        """Count, and stop before there are more such steps than are to be.

        Raises:
            NotFiniteError: saying where it began, and what to try.
        """
        self._loss = outputs["train/loss"]  # the same in all processes
        self._bad = torch.where(torch.isfinite(self._loss), 0, self._bad + 1)
        self._seen += 1
        if self._seen % self._every == 0 and int(self._bad) + self._every > self.config.trainer.nan_patience:
            raise NotFiniteError(self._describe(trainer))

    def check_weights(self, trainer: L.Trainer) -> None:
        """Check what a checkpoint would hold.

        Raises:
            NotFiniteError: if some of it is not finite.
        """
        checks = [torch.isfinite(value).all() for value in _list_values(trainer) if value.is_floating_point()]
        if not torch.stack([check.to(self._bad.device) for check in checks]).all():
            raise NotFiniteError(self._describe(trainer))

    def _describe(self, trainer: L.Trainer) -> str:
        bad, settings, recipe = int(self._bad), self.config.trainer, self.config.recipe
        batches = int(trainer.num_training_batches)
        first = trainer.fit_loop.total_batch_idx - max(0, bad - 1)
        epoch, batch = divmod(first, batches)
        step = epoch * ceil(batches / settings.accumulate_grad_batches) + batch // settings.accumulate_grad_batches
        what = f"the loss is {float(self._loss)}" if bad else "the weights are no finite numbers"
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        kept = f"{self.kept} of before is kept" if self.kept.is_file() else "nothing had been saved before"
        cures = [f"lr={recipe.lr / 10:g}"]
        if not 0 < settings.gradient_clip_val <= 1:
            cures.append("trainer.gradient_clip_val=1")
        if "32" not in str(trainer.precision):
            cures.append("trainer.precision=32-true")
        return (
            f"{what} from step {step + 1} on (epoch {epoch + 1}, batch {batch + 1} of {batches}, rate {rate:.3g}; "
            f"images {self._name_images(epoch, batch)}); {kept}; try {', '.join(cures)} in a new run, and whether "
            "tasks.doctor finds something in these images"
        )

    def _name_images(self, epoch: int, batch: int) -> str:
        sampler: EpochSampler = self.loader.sampler  # type: ignore[assignment]
        reader: Reader = self.loader.dataset.reader  # type: ignore[attr-defined]
        size = self.config.recipe.batch_size
        indices = sampler.order(epoch)[batch * size : (batch + 1) * size].tolist()
        names = [str(reader.image_paths[index]) for index in indices[:NAMED]]
        return ", ".join(names) + (f" and {len(indices) - NAMED} more" if len(indices) > NAMED else "")


def _list_values(trainer: L.Trainer) -> Iterator[Tensor]:
    """Return all tensors that a checkpoint of a run holds."""
    yield from trainer.lightning_module.state_dict().values()
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, WeightAveraging) and callback._average_model is not None:
            yield from callback._average_model.state_dict().values()
    for optimizer in trainer.optimizers:
        for state in optimizer.state.values():
            yield from (value for value in state.values() if isinstance(value, Tensor))
