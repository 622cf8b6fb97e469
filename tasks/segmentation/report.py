"""What an evaluation of a segmenter writes: numbers, label-id masks, plots, pictures."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
from PIL import Image
from torch import Tensor

from data.classes import ClassTable
from data.images import load_mask
from data.samples import SegmentationSample, spread
from tasks.drawing.figures import plot_confusion_matrix
from tasks.drawing.images import draw_legend, draw_mask, save_image, side_by_side
from tasks.files import ANALYSIS, write_json
from tasks.segmentation.analysis import Inspection, describe_analysis
from tasks.segmentation.module import SegmentationModule
from tasks.segmentation.plots import plot_boundary, plot_iou
from tasks.segmentation.worst import draw_worst

PREDICTIONS = "predictions"  # folder of the label-id masks
SAMPLES = 8  # images drawn


def save_label_ids(mask: Tensor, path: Path, *, classes: ClassTable) -> None:
    """Save a mask of class indices (H, W) as a PNG of the data set's ids, of 16 bits where 8 do not hold them."""
    ids = np.array(classes.ids, dtype=np.min_scalar_type(max(classes.ids)))[mask.cpu().numpy()]
    Image.fromarray(ids).save(path)


class SavePredictions(L.Callback):
    """Saves every mask that a validation predicts, as out/predictions/NAME.png."""

    def __init__(self, out: Path, reader: Any, classes: ClassTable) -> None:
        self.folder = out / PREDICTIONS
        self.reader = reader
        self.classes = classes
        self.folder.mkdir(parents=True, exist_ok=True)

    def on_validation_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Save the masks of a batch."""
        for index, mask in zip(batch.indices.tolist(), outputs, strict=True):
            name = str(self.reader.names[index])
            save_label_ids(mask, self.folder / f"{name}.png", classes=self.classes)


def write_report(out: Path, module: SegmentationModule, reader: Any, inspection: Inspection) -> dict[str, Any]:
    """Write the numbers, the plots, samples/ and worst/ of a module's last validation, whose masks are in predictions/.

    Args:
        out: the folder.
        module: that was validated.
        reader: on which.
        inspection: what looked on.

    Returns:
        The metrics as written.
    """
    if module.metrics is None:
        raise ValueError("the module was not validated yet")
    matrix, classes = module.confusion.matrix.cpu().numpy(), module.description.classes
    load_prediction = partial(load_class_indices, out / PREDICTIONS, classes=classes)
    analysis = describe_analysis(module.metrics, matrix, inspection.boundary, classes=classes)
    plot_confusion_matrix(matrix, out / "confusion_matrix.png", names=classes.names)
    plot_iou(module.metrics, out / "iou.png")
    plot_boundary(analysis, out / "boundary.png")
    draw_samples(out / "samples", reader, classes=classes, load_prediction=load_prediction)
    worst = draw_worst(out, inspection.wrong, reader, classes=classes, load_prediction=load_prediction)
    write_json(out / ANALYSIS, {**analysis, "worst": worst})
    metrics = module.metrics.to_dict()
    if module.averaging is not None:
        metrics["averaging"] = module.averaging.to_dict()
    write_json(out / "metrics.json", metrics)
    return metrics


def load_class_indices(folder: Path, name: str, *, classes: ClassTable) -> np.ndarray:
    """Load a mask that `save_label_ids` wrote into a folder, as class indices (H, W)."""
    indices = np.zeros(max(classes.ids) + 1, dtype=np.uint8)
    indices[list(classes.ids)] = np.arange(len(classes))
    return indices[load_mask(folder / f"{name}.png")]


def draw_samples(
    folder: Path, reader: Any, *, classes: ClassTable, load_prediction: Callable[[str], np.ndarray]
) -> None:
    """Draw images spread over the data set, with their mask left and the predicted one right."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in spread(len(reader), SAMPLES):
        sample: SegmentationSample = reader[index]
        predicted = load_prediction(sample.name)
        pair = side_by_side(
            draw_mask(sample.image, sample.mask, classes=classes),
            draw_mask(sample.image, predicted, classes=classes),
        )
        present = np.stack([sample.mask, predicted])
        legend = draw_legend(present, classes=classes, width=pair.shape[1])
        save_image(np.vstack([pair, legend]), folder / f"{sample.name}.jpg")
