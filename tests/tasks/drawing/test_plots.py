import numpy as np
import pytest

from data.classes import ClassTable
from tasks.detection.metrics import evaluate_detections
from tasks.detection.plots import plot_precision_recall
from tasks.drawing import figures
from tasks.drawing.curves import plot_curves, read_series, smooth
from tasks.drawing.figures import plot_confusion_matrix
from tasks.segmentation.metrics import evaluate_segmentation
from tasks.segmentation.plots import plot_iou
from tests.support.figures import drawn


def detections(num_classes):
    box = {"image_id": 1, "bbox": [10.0, 10.0, 40.0, 40.0]}
    ground_truth = {
        "images": [{"id": 1, "width": 100, "height": 100}],
        "annotations": [
            {**box, "id": k, "category_id": k, "area": 1600.0, "iscrowd": 0} for k in range(1, num_classes)
        ],
        "categories": [{"id": k, "name": f"class {k}"} for k in range(1, num_classes + 1)],
    }
    return evaluate_detections(ground_truth, [{**box, "category_id": k, "score": 0.5} for k in range(1, num_classes)])


@pytest.mark.parametrize("num_classes", [1, 3, 20])
def test_precision_recall_is_drawn_for_no_few_and_many_classes(tmp_path, num_classes):
    plot_precision_recall(detections(num_classes), tmp_path / "pr.png")  # the last class never has boxes
    assert drawn(tmp_path / "pr.png") == (1650, 720)


@pytest.mark.parametrize("size", [1, 4, 40])
def test_a_confusion_matrix_of_any_size_is_drawn(tmp_path, size):
    matrix = np.random.default_rng(0).integers(0, 50, (size, size))
    matrix[0] = 0  # a class without ground truth
    plot_confusion_matrix(matrix, tmp_path / "matrix.png", names=[f"class {k}" for k in range(size)])
    width, height = drawn(tmp_path / "matrix.png")
    assert width > height


def test_names_that_do_not_fit_the_matrix_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"expected \(2, 2\)"):
        plot_confusion_matrix(np.eye(3), tmp_path / "matrix.png", names=["a", "b"])


def test_counts_are_written_short(tmp_path, monkeypatch):
    figure = figures.new_figure(4, 4)
    monkeypatch.setattr(figures, "new_figure", lambda width, height: figure)
    counts = {0: "0", 999: "999", 1000: "1.0k", 9960: "10k", 999_499: "999k", 999_500: "1.0M"}
    plot_confusion_matrix(np.diag(list(counts)), tmp_path / "counts.png", names=list("abcdef"))
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == [f"{name}  ({text})" for name, text in zip("abcdef", counts.values(), strict=True)]


@pytest.mark.parametrize("matrix", [[[5, 1], [0, 0]], [[0, 0], [0, 0]]])
def test_iou_bars_are_drawn_also_for_absent_classes(tmp_path, matrix):
    classes = ClassTable.create(["road", "car"], [0, 1])
    plot_iou(evaluate_segmentation(np.array(matrix), classes), tmp_path / "iou.png")
    assert drawn(tmp_path / "iou.png")[0] == 1050


CSV = """epoch,step,lr-SGD,train/loss,val/loss,val/mAP
0,0,0.1,2.0,,
0,0,,,,
0,9,,nan,,
0,10,0.05,1.0,,
0,10,,,1.5,0.25
"""


def test_a_column_keeps_its_numbers_and_their_steps(tmp_path):
    (tmp_path / "metrics.csv").write_text(CSV)
    series = read_series([tmp_path / "metrics.csv"])
    assert {name: (x.tolist(), y.tolist()) for name, (x, y) in series.items()} == {
        "lr-SGD": ([0, 10], [0.1, 0.05]),
        "train/loss": ([0, 10], [2.0, 1.0]),
        "val/loss": ([10], [1.5]),
        "val/mAP": ([10], [0.25]),
    }


def test_a_step_that_was_done_again_counts_once(tmp_path):
    (tmp_path / "0.csv").write_text("epoch,step,train/loss\n0,0,4.0\n0,1,3.0\n0,2,2.5\n")
    (tmp_path / "1.csv").write_text("epoch,step,train/loss\n0,1,3.5\n0,2,2.0\n")  # resumed from step 1
    steps, values = read_series([tmp_path / "0.csv", tmp_path / "1.csv"])["train/loss"]
    assert (steps.tolist(), values.tolist()) == ([0, 1, 2], [4.0, 3.5, 2.0])


@pytest.mark.parametrize(("columns", "panels"), [(6, 3), (4, 2), (3, 1)])
def test_there_is_a_panel_for_each_kind_of_column_that_has_data(tmp_path, columns, panels):
    rows = [",".join(line.split(",")[:columns]) for line in CSV.splitlines()]
    (tmp_path / "metrics.csv").write_text("\n".join(rows))
    plot_curves([tmp_path / "metrics.csv"], tmp_path / "curves.png")
    assert drawn(tmp_path / "curves.png") == (780 * panels, 600)


def test_curves_without_anything_to_draw_are_refused(tmp_path):
    (tmp_path / "metrics.csv").write_text("epoch,step,test/mAP\n0,1,0.5\n")
    with pytest.raises(ValueError, match="test/mAP"):
        plot_curves([tmp_path / "metrics.csv"], tmp_path / "curves.png")


def test_smoothing_keeps_a_constant_and_calms_noise():
    noisy = 1 + np.random.default_rng(0).normal(0, 0.3, 3000)
    assert smooth(np.full(100, 2.5)) == pytest.approx(np.full(100, 2.5))
    assert smooth(noisy)[200:].std() < 0.2 * noisy.std()
    assert smooth(np.array([3.0, 1.0])).tolist() == [3.0, 1.0]  # few points are left as they are
