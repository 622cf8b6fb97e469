import html
import re

import matplotlib
import numpy as np
import pytest

from data.classes import ClassTable
from tasks.detection.box_plots import plot_box_sizes
from tasks.detection.metrics import evaluate_detections
from tasks.detection.plots import plot_precision_recall
from tasks.drawing.figures import literal, new_figure, plot_confusion_matrix, save_figure
from tasks.examination.counts import Counts
from tasks.examination.plots import plot_classes
from tasks.segmentation.metrics import evaluate_segmentation
from tasks.segmentation.plots import plot_iou

NAMES = ["_background_", "__", "$x^2$", "a$b", r"\$5", r"\frac{a}", "%s 5%", "{0}", "<b>&", "two\nlines", "x" * 10_000]
SHOWN = [*NAMES[:-2], "two\\nlines", "x" * 20 + "…" + "x" * 19]
CLASSES = ClassTable.create(NAMES, range(len(NAMES)))


def draw_matrix(path):
    plot_confusion_matrix(np.eye(len(NAMES)), path, names=NAMES)


def draw_iou(path):
    plot_iou(evaluate_segmentation(np.eye(len(NAMES), dtype=int), CLASSES), path)


def draw_precision(path):
    box = {"image_id": 1, "bbox": [10.0, 10.0, 40.0, 40.0]}
    for part in (range(6), range(6, len(NAMES))):  # of ten classes at most each is named
        truth = {
            "images": [{"id": 1, "width": 100, "height": 100}],
            "annotations": [{**box, "id": k + 1, "category_id": k, "area": 1600.0, "iscrowd": 0} for k in part],
            "categories": [{"id": k, "name": NAMES[k]} for k in part],
        }
        metrics = evaluate_detections(truth, [{**box, "category_id": k, "score": 0.5} for k in part])
        plot_precision_recall(metrics, path.with_stem(f"{path.stem}{part.start}"))


def draw_counts(path):
    ones = np.ones(len(NAMES), dtype=int)
    plot_classes({"train": Counts("boxes", ones, ones, (), 5)}, CLASSES, path)


def draw_sizes(path):
    for part in (slice(0, 6), slice(6, None)):
        classes = ClassTable.create(NAMES[part], range(len(NAMES[part])))
        labels = np.arange(len(classes))
        sides = np.full((len(classes), 2), 20.0)
        picture = path.with_stem(f"{path.stem}{part.start}")
        plot_box_sizes({"train": sides}, {"train": labels}, classes=classes, anchors=sides, path=picture)


@pytest.mark.parametrize("draw", [draw_matrix, draw_iou, draw_precision, draw_counts, draw_sizes])
def test_every_name_is_in_the_figure_letter_by_letter(draw, tmp_path):
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        draw(tmp_path / "figure.svg")
    content = "".join(path.read_text(encoding="utf-8") for path in tmp_path.iterdir())
    texts = [html.unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", content)]
    shown = {text.lstrip("\u200b").split("  ")[0].removesuffix(" (1)") for text in texts}
    assert [name for name in SHOWN if name not in shown] == []


def test_an_escaped_name_looks_as_the_plain_one_does(tmp_path):
    pictures = []
    for text, formula in ((r"_a$x$ \$5 \\", False), (literal(r"_a$x$ \$5 \\"), True)):
        figure = new_figure(3, 1)
        figure.text(0.1, 0.5, text, parse_math=formula)
        save_figure(figure, tmp_path / "figure.png")
        pictures.append((tmp_path / "figure.png").read_bytes())
    assert pictures[0] == pictures[1]
