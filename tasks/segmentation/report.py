"""What an evaluation of a segmenter writes: numbers, label-id masks, plots, pictures."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import lightning as L
import numpy as np
from PIL import Image
from torch import Tensor

from data.batches import SegmentationBatch
from data.classes import ClassTable
from data.images import load_mask
from data.readers import MaskReader
from data.samples import space_evenly
from tasks.drawing.figures import plot_confusion_matrix
from tasks.drawing.images import draw_legend, draw_mask, save_image, side_by_side, write_picture
from tasks.evaluation_settings import EvaluationSettings
from tasks.files import ANALYSIS, METRICS, write_json
from tasks.segmentation.analysis import Inspection, describe_analysis
from tasks.segmentation.exported import ExportedSegmenter
from tasks.segmentation.metrics import SegmentationMetric
from tasks.segmentation.module import SegmentationModule
from tasks.segmentation.plots import plot_boundary, plot_iou
from tasks.segmentation.segmenter import Segmenter
from tasks.segmentation.worst import draw_worst

PREDICTIONS = "predictions"  # folder of the label-id masks
SAMPLES = 8  # images drawn


def save_label_ids(mask: Tensor, path: Path, *, classes: ClassTable) -> None:
    """Save a mask of class indices (H, W) as a PNG of the data set's ids, of 16 bits where 8 do not hold them."""
    ids = np.array(classes.ids, dtype=np.min_scalar_type(max(classes.ids)))[mask.cpu().numpy()]
    write_picture(Image.fromarray(ids), path)


class SavePredictions(L.Callback):
    """Saves every mask that a validation predicts, as FOLDER/NAME.png."""

    def __init__(self, folder: Path, classes: ClassTable) -> None:
        self.folder = folder
        self.classes = classes
        self.folder.mkdir(parents=True, exist_ok=True)

    def on_validation_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Tensor,  # type: ignore[override]  # the masks that SegmentationModule returns
        batch: SegmentationBatch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Save the masks of a batch."""
        for name, mask in zip(batch.names, outputs, strict=True):
            save_label_ids(mask, self.folder / f"{name}.png", classes=self.classes)


class SegmentationEvaluation:
    """A segmenter on its way over a reader, and the report of it.

    Args:
        out: folder of the report.
        model: the segmenter.
        reader: of the images and their masks.
        settings: what the scores are averaged over.

    Attributes:
        module: to be validated before the report is written.
        callbacks: that look on.
    """

    def __init__(
        self, out: Path, model: Segmenter | ExportedSegmenter, reader: MaskReader, *, settings: EvaluationSettings
    ) -> None:
        self.out, self.reader = out, reader
        self.tta = None if settings.tta.trivial else settings.tta
        self.classes = model.description.classes
        self.metric = SegmentationMetric(self.classes)
        own = cast(Segmenter, model)  # what it is validated by, both have
        self.module = SegmentationModule(own, metric=self.metric, tta=self.tta)
        self.inspection = Inspection(len(self.classes))
        self.callbacks: list[L.Callback] = [SavePredictions(out / PREDICTIONS, self.classes), self.inspection]

    def write(self) -> dict[str, Any]:
        """Write the numbers, the plots, samples/ and worst/; the masks are in predictions/ by now.

        Returns:
            The metrics as written.
        """
        out, reader, classes, metrics = self.out, self.reader, self.classes, self.module.metrics
        if metrics is None:
            raise ValueError("the module was not validated yet")
        matrix = self.metric.confusion.matrix.cpu().numpy()
        load_prediction = partial(load_class_indices, out / PREDICTIONS, classes=classes)
        analysis = describe_analysis(metrics, matrix, self.inspection.boundary, classes=classes)
        plot_confusion_matrix(matrix, out / "confusion_matrix.png", names=classes.names)
        plot_iou(metrics, out / "iou.png")
        plot_boundary(analysis, out / "boundary.png")
        draw_samples(out / "samples", reader, classes=classes, load_prediction=load_prediction)
        worst = draw_worst(out, self.inspection.wrong, reader, classes=classes, load_prediction=load_prediction)
        write_json(out / ANALYSIS, {**analysis, "worst": worst})
        written = metrics.to_dict()
        if self.tta is not None:
            written["averaging"] = self.tta.to_dict()
        write_json(out / METRICS, written)
        return written


def load_class_indices(folder: Path, name: str, *, classes: ClassTable) -> np.ndarray:
    """Load a mask that `save_label_ids` wrote into a folder, as class indices (H, W)."""
    indices = np.zeros(max(classes.ids) + 1, dtype=np.uint8)
    indices[list(classes.ids)] = np.arange(len(classes))
    return indices[load_mask(folder / f"{name}.png")]


def draw_samples(
    folder: Path, reader: MaskReader, *, classes: ClassTable, load_prediction: Callable[[str], np.ndarray]
) -> None:
    """Draw images spread over the data set, with their mask left and the predicted one right."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in space_evenly(len(reader), SAMPLES):
        sample = reader[index]
        predicted = load_prediction(sample.name)
        pair = side_by_side(
            draw_mask(sample.image, sample.mask, classes=classes),
            draw_mask(sample.image, predicted, classes=classes),
        )
        present = np.stack([sample.mask, predicted])
        legend = draw_legend(present, classes=classes, width=pair.shape[1])
        save_image(np.vstack([pair, legend]), folder / f"{sample.name}.jpg")
