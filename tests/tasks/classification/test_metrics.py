"""Numbers by hand, then beside scikit-learn's, where it is installed."""

import numpy as np
import pytest
import torch

from tasks.classification.analysis import list_confused
from tasks.classification.calibration import measure_calibration
from tasks.classification.multi_label import MultiLabelMetric, average_precision
from tasks.classification.single_label import SingleLabelMetric
from tasks.score_curves import draw_curve

NAMES = ("cat", "dog", "cow")


def single(scores, truth, names=NAMES):
    metric = SingleLabelMetric(names)
    targets = torch.nn.functional.one_hot(torch.tensor(truth), len(names)).bool()
    for rows in torch.arange(len(truth)).split(2):  # in batches
        metric.update(torch.tensor(scores, dtype=torch.float64)[rows], targets[rows])
    return metric


def several(scores, targets, names=NAMES):
    metric = MultiLabelMetric(names)
    metric.update(torch.tensor(scores, dtype=torch.float64), torch.tensor(targets))
    return metric


# Right, cat as dog, right, cow as cat, right.
SCORES = [[0.9, 0.1, 0.0], [0.3, 0.6, 0.1], [0.2, 0.7, 0.1], [0.5, 0.3, 0.2], [0.1, 0.1, 0.8]]
TRUTH = [0, 0, 1, 2, 2]


def test_one_label_by_hand():
    metric = single(SCORES, TRUTH)
    assert metric.confusion.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 1]]
    metrics = metric.compute()
    assert metrics.per_class == pytest.approx({"cat": 2 / 4, "dog": 2 / 3, "cow": 2 / 3})
    assert metrics.summary["top1"] == pytest.approx(3 / 5)
    assert metrics.summary["class_accuracy"] == pytest.approx((1 / 2 + 1 + 1 / 2) / 3)
    assert metrics.summary["macro_F1"] == pytest.approx((1 / 2 + 2 / 3 + 2 / 3) / 3)
    assert "top5" not in metrics.summary


def test_the_best_five_of_more_classes_count():
    scores = [[0.3, 0.2, 0.2, 0.1, 0.1, 0.06, 0.04]] * 3
    metrics = single(scores, [0, 4, 6], tuple("abcdefg")).compute()
    assert metrics.summary["top1"] == pytest.approx(1 / 3)
    assert metrics.summary["top5"] == pytest.approx(2 / 3)


def test_mistakes_are_ranked_by_the_score_of_the_true_class():
    mistakes = single(SCORES, TRUTH).find_mistakes()
    assert [mistake.image for mistake in mistakes] == [3, 1]
    assert mistakes[0].why == "cow (0.20) as cat (0.50)"


def test_pairs_that_are_confused_are_listed_by_how_often():
    pairs = list_confused(np.array([[5, 2, 0], [0, 5, 7], [0, 0, 1]]), NAMES)
    assert pairs == [
        {"truth": "dog", "prediction": "cow", "images": 7},
        {"truth": "cat", "prediction": "dog", "images": 2},
    ]


def test_an_absent_class_has_no_f1_and_counts_in_no_mean():
    metrics = single(SCORES[:1], [0]).compute()
    assert metrics.per_class == {"cat": 1.0, "dog": None, "cow": None}
    assert metrics.summary["macro_F1"] == 1


def test_calibration_by_hand():
    """In one bin two predictions of mean .85, half right; in another one of .4, right."""
    found = measure_calibration(np.array([0.84, 0.86, 0.4]), np.array([True, False, True]))
    assert found.counts.sum() == 3
    assert found.error == pytest.approx((2 * 0.35 + 0.6) / 3)
    assert measure_calibration(np.zeros(0), np.zeros(0, bool)).error is None
    assert measure_calibration(np.array([0.0, 1.0]), np.array([False, True])).error == 0


def test_average_precision_by_hand():
    curve = draw_curve(np.array([0.9, 0.8, 0.8, 0.1]), np.array([True, False, True, True]), objects=3)
    assert average_precision(curve) == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)
    assert average_precision(draw_curve(np.array([0.5]), np.array([False]), objects=0)) is None


def test_several_labels_by_hand():
    scores = [[0.9, 0.6, 0.1], [0.2, 0.4, 0.1], [0.8, 0.1, 0.1]]
    targets = [[True, False, False], [True, True, False], [True, False, False]]
    metric = several(scores, targets)
    metrics = metric.compute()
    assert metrics.per_class == pytest.approx({"cat": 4 / 5, "dog": 0.0, "cow": None})
    assert metrics.summary["micro_F1"] == pytest.approx(2 * 2 / (2 * 2 + 1 + 2))
    assert metrics.summary["macro_AP"] == pytest.approx((1 + 1 / 2) / 2)
    assert metric.list_labels(0) == ([0, 1], pytest.approx([0.9, 0.6]))
    assert [mistake.image for mistake in metric.find_mistakes()] == [1, 0]
    assert metric.find_mistakes()[1].why == "wrong dog (0.60)"


@pytest.mark.parametrize("seed", range(3))
def test_one_label_as_scikit_learn_counts(seed):
    sklearn = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(seed)
    scores, truth = rng.dirichlet(np.ones(8), 60), rng.integers(0, 8, 60)
    metric = single(scores.tolist(), truth.tolist(), tuple("abcdefgh"))
    found, predicted = metric.compute(), torch.tensor(scores).argmax(1).numpy()
    assert metric.confusion.tolist() == sklearn.confusion_matrix(truth, predicted, labels=range(8)).tolist()
    assert found.summary["top1"] == pytest.approx(sklearn.accuracy_score(truth, predicted))
    assert found.summary["top5"] == pytest.approx(sklearn.top_k_accuracy_score(truth, scores, k=5, labels=range(8)))
    assert found.summary["class_accuracy"] == pytest.approx(sklearn.balanced_accuracy_score(truth, predicted))
    assert found.summary["macro_F1"] == pytest.approx(sklearn.f1_score(truth, predicted, average="macro"))


@pytest.mark.parametrize("seed", range(3))
def test_several_labels_as_scikit_learn_counts(seed):
    sklearn = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(seed)
    scores, targets = rng.random((50, 6)).round(1), rng.random((50, 6)) < 0.3
    metric = several(scores.tolist(), targets.tolist(), tuple("abcdef"))
    found, shown = metric.compute().summary, scores >= 0.5
    assert found["macro_AP"] == pytest.approx(sklearn.average_precision_score(targets, scores, average="macro"))
    assert found["macro_F1"] == pytest.approx(sklearn.f1_score(targets, shown, average="macro"))
    assert found["micro_F1"] == pytest.approx(sklearn.f1_score(targets, shown, average="micro"))
    for curve, truth, own in zip(metric.draw_curves(), targets.T, scores.T, strict=True):
        precision, recall, thresholds = sklearn.precision_recall_curve(truth, own)
        np.testing.assert_allclose(curve.measure(thresholds)[:2], [precision[:-1], recall[:-1]])


def test_of_equal_scores_the_first_class_is_taken():
    assert single([[0.25, 0.5, 0.5]], [1]).list_labels(0) == ([1], [0.5])


def test_a_metric_forgets():
    metric = single(SCORES, TRUTH)
    metric.reset()
    metric.update(torch.tensor(SCORES[:1]), torch.tensor([[True, False, False]]))
    assert metric.compute().summary["top1"] == 1
