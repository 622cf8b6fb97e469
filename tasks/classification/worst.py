"""The images that a classifier does worst on, drawn with what it took them for."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from data.escapes import to_utf8
from data.readers import LabelReader
from tasks.classification.metrics import ClassificationMetric, Mistake
from tasks.classification.pictures import draw_labels, enlarge, list_classes
from tasks.drawing.images import save_image, side_by_side

FOLDER = "worst"
PICTURES = 24


def draw_worst(
    out: Path, mistakes: Sequence[Mistake], reader: LabelReader, metric: ClassificationMetric
) -> list[dict[str, str]]:
    """Draw the worst images into out/worst: ground truth left, prediction right.

    Args:
        out: folder of the evaluation.
        mistakes: the worst first.
        reader: of the images.
        metric: knows what was predicted for them.

    Returns:
        What analysis.json says of each: image, picture, why.
    """
    chosen = mistakes[:PICTURES]
    if chosen:
        (out / FOLDER).mkdir(parents=True, exist_ok=True)
    entries = []
    for rank, mistake in enumerate(chosen, start=1):
        picture = f"{FOLDER}/{rank:02d}_{name_picture(str(reader.names[mistake.image]))}.jpg"
        draw_prediction(out / picture, mistake.image, reader, metric)
        image = to_utf8(str(reader.names[mistake.image]))
        entries.append({"image": image, "picture": picture, "why": mistake.why})
    return entries


def draw_prediction(path: Path, index: int, reader: LabelReader, metric: ClassificationMetric) -> None:
    """Draw an image with its classes left and those that were predicted right."""
    sample, classes = reader[index], reader.classes
    labels, scores = metric.list_labels(index)
    image = enlarge(sample.image)
    truth = draw_labels(image, list_classes(sample).tolist(), classes=classes)
    save_image(side_by_side(truth, draw_labels(image, labels, classes=classes, scores=scores)), path)


def name_picture(name: str) -> str:
    """Return the name of the picture of an image: its own, without folders and suffix."""
    return PurePosixPath(name).stem
