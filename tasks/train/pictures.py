"""Predictions beside the ground truth while a model learns, for the loggers that take images."""

from typing import TYPE_CHECKING, Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.loggers import Logger, MLFlowLogger, TensorBoardLogger, WandbLogger

from data.loading import Transformed
from data.samples import space_evenly
from tasks.task import find_task

if TYPE_CHECKING:
    from tasks.parts import Model

COUNT = 6  # images, spread over the evaluation data
LONGEST = 480  # pixels of an image's longer side as it is logged


class LogImages(L.Callback):
    """Logs the same few evaluation images every few epochs; only these are predicted for it.

    The averaged weights predict, as this comes before `AveragedWeights` in the list of callbacks.

    Args:
        every: epochs from one time to the next.
    """

    def __init__(self, every: int) -> None:
        self.every = every
        self._due = 0  # epoch

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs to know."""
        return {"due": self._due}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore it."""
        self._due = state_dict["due"]

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Draw and log, where it is time to."""
        takers = [logger for logger in trainer.loggers if isinstance(logger, tuple(TAKE))]
        if trainer.sanity_checking or trainer.current_epoch + 1 < self._due or not takers:
            return
        self._due = trainer.current_epoch + 1 + self.every
        data: Transformed = trainer.val_dataloaders.dataset  # type: ignore[union-attr]
        collate = trainer.val_dataloaders.collate_fn  # type: ignore[union-attr]
        model: Model = pl_module.model  # type: ignore[assignment]
        parts = find_task(model.description.arch.head).parts
        for number, index in enumerate(space_evenly(len(data), COUNT), start=1):
            images = collate([data[0, index]]).images.to(pl_module.device)
            with torch.no_grad():
                picture = parts.draw_pair(model, data.reader[index], images, longest=LONGEST)
            for logger in takers:
                take = next(TAKE[kind] for kind in TAKE if isinstance(logger, kind))
                take(logger, picture, f"val/image_{number}", trainer.global_step)


def _to_tensorboard(logger: TensorBoardLogger, image: np.ndarray, name: str, step: int) -> None:
    logger.experiment.add_image(name, image, step, dataformats="HWC")


def _to_wandb(logger: WandbLogger, image: np.ndarray, name: str, step: int) -> None:
    logger.log_image(name, [image])


def _to_mlflow(logger: MLFlowLogger, image: np.ndarray, name: str, step: int) -> None:
    logger.experiment.log_image(logger.run_id, image, key=name.replace("/", "_"), step=step)


TAKE: dict[type[Logger], Any] = {
    TensorBoardLogger: _to_tensorboard,
    WandbLogger: _to_wandb,
    MLFlowLogger: _to_mlflow,
}
