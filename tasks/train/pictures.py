"""Predictions beside the ground truth while a model learns, for the loggers that take images."""

from typing import Any

import cv2
import lightning as L
import numpy as np
import torch
from lightning.pytorch.loggers import Logger, MLFlowLogger, TensorBoardLogger, WandbLogger

from data.loading import Transformed
from data.samples import spread
from tasks.detection.module import DetectionModule, scale_to
from tasks.drawing.images import draw_boxes, draw_legend, draw_mask, side_by_side

COUNT = 6  # images, spread over the evaluation data
LEAST_SCORE = 0.3  # of a box that is drawn
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

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Draw and log, where it is time to."""
        takers = [logger for logger in trainer.loggers if isinstance(logger, tuple(TAKE))]
        if trainer.sanity_checking or trainer.current_epoch + 1 < self._due or not takers:
            return
        self._due = trainer.current_epoch + 1 + self.every
        data: Any = trainer.val_dataloaders.dataset  # type: ignore[union-attr]
        collate = trainer.val_dataloaders.collate_fn  # type: ignore[union-attr]
        for number, index in enumerate(spread(len(data), COUNT), start=1):
            batch = collate([data[0, index]])
            picture = draw_prediction(pl_module, data, index, images=batch.images.to(pl_module.device))
            for logger in takers:
                take = next(TAKE[kind] for kind in TAKE if isinstance(logger, kind))
                take(logger, picture, f"val/image_{number}", trainer.global_step)


@torch.no_grad()
def draw_prediction(module: Any, data: Transformed, index: int, *, images: torch.Tensor) -> np.ndarray:
    """Draw one sample, its ground truth left and what the model predicts right.

    Args:
        module: detector or segmenter.
        data: that the sample is from.
        index: of the sample.
        images: (1, 3, H, W), the sample as it enters the module.

    Returns:
        (h, w, 3) uint8.
    """
    sample, classes = data.reader[index], module.description.classes
    if isinstance(module, DetectionModule):
        (found,) = module.detect(images)
        kept = found.scores >= LEAST_SCORE
        height, width = sample.image.shape[:2]
        boxes = found.boxes[kept].cpu().numpy() * np.array(scale_to((height, width), module.size) * 2)
        labels, scores = found.labels[kept].cpu().numpy(), found.scores[kept].cpu().numpy()
        truth = draw_boxes(*shrink(sample.image, sample.boxes), sample.labels, classes=classes)
        return side_by_side(truth, draw_boxes(*shrink(sample.image, boxes), labels, classes=classes, scores=scores))
    (mask,) = module.segment(images, sample.mask.shape)
    predicted = mask.cpu().numpy().astype(np.uint8)
    image, size = shrink(sample.image, np.zeros((0, 4)))[0], None
    size = (image.shape[1], image.shape[0])
    masks = [cv2.resize(values, size, interpolation=cv2.INTER_NEAREST) for values in (sample.mask, predicted)]
    pair = side_by_side(*(draw_mask(image, values, classes=classes) for values in masks))
    return np.vstack([pair, draw_legend(np.stack(masks), classes=classes, width=pair.shape[1])])


def shrink(image: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Make an image (H, W, 3) small enough to be logged, and boxes (G, 4) of it with it; small ones stay."""
    factor = LONGEST / max(image.shape[:2])
    if factor >= 1:
        return image, boxes
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), boxes * factor


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
