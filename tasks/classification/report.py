"""What an evaluation of a classifier writes: numbers, scores, plots, pictures."""

import csv
import io
from pathlib import Path
from typing import Any, cast

import lightning as L

from data.escapes import to_utf8
from data.readers import LabelReader
from data.samples import space_evenly
from tasks.classification.analysis import describe_analysis
from tasks.classification.classifier import Classifier
from tasks.classification.exported import ExportedClassifier
from tasks.classification.metrics import ClassificationMetric
from tasks.classification.module import ClassificationModule
from tasks.classification.multi_label import MultiLabelMetric
from tasks.classification.plots import plot_calibration, plot_classes
from tasks.classification.single_label import SingleLabelMetric
from tasks.classification.worst import draw_prediction, draw_worst, name_picture
from tasks.drawing.figures import plot_confusion_matrix
from tasks.evaluation_settings import EvaluationSettings
from tasks.files import ANALYSIS, METRICS, write_json, write_text
from tasks.models.description import Description
from tasks.score_curves import choose_thresholds

PREDICTIONS = "predictions.csv"
SAMPLES = 8  # images drawn
METRIC_KINDS: dict[str, type[ClassificationMetric[Any]]] = {"softmax": SingleLabelMetric, "sigmoid": MultiLabelMetric}


def build_metric(description: Description) -> ClassificationMetric:
    """Return what a model is measured by: of one label an image, or of several."""
    return METRIC_KINDS[description.arch.scores](description.classes.names)


class ClassificationEvaluation:
    """A classifier on its way over a reader, and the report of it.

    Args:
        out: folder of the report.
        model: the classifier.
        reader: of the images and their classes.
        settings: how the thresholds are chosen.

    Attributes:
        module: to be validated before the report is written.
        callbacks: that look on.
    """

    def __init__(
        self, out: Path, model: Classifier | ExportedClassifier, reader: LabelReader, *, settings: EvaluationSettings
    ) -> None:
        self.out, self.model, self.reader, self.rule = out, model, reader, settings.threshold
        self.metric = build_metric(model.description)
        self.module = ClassificationModule(cast(Classifier, model), metric=self.metric)  # what it needs, both have
        self.callbacks: list[L.Callback] = []

    def write(self) -> dict[str, Any]:
        """Write the numbers, predictions.csv, the plots, samples/ and worst/.

        Returns:
            The metrics as written.
        """
        out, reader, metric, metrics = self.out, self.reader, self.metric, self.module.metrics
        if metrics is None:
            raise ValueError("the module was not validated yet")
        curves, stored = metric.draw_curves(), self.model.description.thresholds
        thresholds = choose_thresholds(curves, self.rule, images=len(reader), stored=stored)
        if metric.confusion is not None:
            plot_confusion_matrix(metric.confusion, out / "confusion_matrix.png", names=metric.names)
        plot_classes(metrics, out / "f1.png")
        plot_calibration(metric.calibration, out / "calibration.png")
        draw_samples(out / "samples", reader, metric)
        worst = draw_worst(out, metric.find_mistakes(), reader, metric)
        write_text(out / PREDICTIONS, tabulate(reader, metric))
        write_json(out / ANALYSIS, {**describe_analysis(metric, curves, thresholds), "worst": worst})
        write_json(out / METRICS, metrics.to_dict())
        return metrics.to_dict()


def tabulate(reader: LabelReader, metric: ClassificationMetric) -> str:
    """Return a table of the images: file, true classes, predicted classes, their scores."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(["file", "label", "prediction", "score"])
    for index, (name, present) in enumerate(zip(reader.names.tolist(), reader.presence, strict=True)):
        labels, scores = metric.list_labels(index)
        truth = ";".join(metric.names[label] for label in present.nonzero()[0])
        found = ";".join(metric.names[label] for label in labels)
        table.writerow([to_utf8(name), to_utf8(truth), to_utf8(found), ";".join(f"{score:.4f}" for score in scores)])
    return text.getvalue()


def draw_samples(folder: Path, reader: LabelReader, metric: ClassificationMetric) -> None:
    """Draw images spread over the data set, with their classes left and the predicted ones right."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in space_evenly(len(reader), SAMPLES):
        draw_prediction(folder / f"{index}_{name_picture(str(reader.names[index]))}.jpg", index, reader, metric)
