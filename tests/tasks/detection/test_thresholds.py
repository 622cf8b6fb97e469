import numpy as np
import pytest

from data.errors import InputError
from tasks.detection.confusion import confusion_matrix
from tasks.detection.evaluation_matching import match_detections
from tasks.detection.thresholds import draw_score_curves
from tasks.evaluation_settings import ThresholdRule
from tasks.score_curves import ScoreCurve, choose_thresholds, fill_unmeasured
from tests.support.runs import load_config
from tests.tasks.detection.test_metrics import IDS, coco, found, random_case

# Four boxes; by score: right, right, false, right, false.
CURVE = ScoreCurve(np.array([0.9, 0.8, 0.6, 0.4, 0.2]), np.array([1, 2, 2, 3, 3]), np.array([0, 0, 1, 1, 2]), 4)
EMPTY = ScoreCurve(np.zeros(0), np.zeros(0, int), np.zeros(0, int), 4)


def test_precision_recall_and_f1_by_hand():
    precision, recall, f1 = CURVE.measure(np.array([0.0, 0.4, 0.41, 0.8, 0.95]))
    np.testing.assert_allclose(precision, [3 / 5, 3 / 4, 2 / 3, 1, np.nan])
    np.testing.assert_allclose(recall, [3 / 4, 3 / 4, 2 / 4, 2 / 4, 0])
    np.testing.assert_allclose(f1, [6 / 9, 6 / 8, 4 / 7, 4 / 6, 0])


def test_the_best_f1_is_taken_in_the_middle_of_the_scores_that_give_it():
    assert CURVE.choose_by_f1() == pytest.approx(0.3)


@pytest.mark.parametrize(("most", "threshold"), [(2, 0.2), (1.9, 0.3), (1, 0.3), (0, 0.7)])
def test_as_many_false_positives_as_allowed_are_let_through(most, threshold):
    assert CURVE.choose_by_false_positives(most) == pytest.approx(threshold)
    assert CURVE.false[CURVE.scores >= CURVE.choose_by_false_positives(most)].max() <= most


def test_where_the_best_detection_is_false_nothing_may_be_let_through():
    curve = ScoreCurve(np.array([1.0, 0.5]), np.array([0, 1]), np.array([1, 1]), 1)
    assert np.isnan(curve.measure(np.array([curve.choose_by_false_positives(0)]))[0, 0])


def test_what_cannot_be_measured_has_no_threshold_and_gets_one_half():
    wrong = ScoreCurve(np.array([0.5]), np.array([0]), np.array([1]), 0)
    assert choose_thresholds([EMPTY, wrong], ThresholdRule(), images=9, stored=None) == [None, None]
    assert choose_thresholds([EMPTY], ThresholdRule("false_positives"), images=9, stored=None) == [None]
    assert fill_unmeasured([None, 0.2]) == (0.5, 0.2)
    assert np.isnan(wrong.measure(np.array([0.1]))[1:]).all()  # neither recall nor F1 without boxes


def test_the_limit_is_for_each_image():
    rule = ThresholdRule("false_positives", 0.1)
    chosen = [choose_thresholds([CURVE], rule, images=images, stored=None)[0] for images in (9, 10, 20)]
    assert chosen == pytest.approx([0.7, 0.3, 0.2])


def test_thresholds_of_the_checkpoint_are_taken_unless_a_rule_is_given():
    assert choose_thresholds([CURVE], ThresholdRule(), images=1, stored=(0.77,)) == [0.77]
    assert choose_thresholds([CURVE], ThresholdRule("f1"), images=1, stored=(0.77,)) == [pytest.approx(0.3)]


@pytest.mark.parametrize(
    ("values", "message"),
    [(("F1",), "unknown 'F1'"), (("f1", -1), "limit: -1"), ((None, float("nan")), "limit")],
)
def test_rules_of_another_form_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        ThresholdRule(*values)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("rule=F1", r"rule: unknown 'F1'; choose from f1, false_positives"),
        ("limit=-1", r"limit: -1; expected a number from 0"),
        ("limit='0'", r"limit: '0'; expected a number"),
    ],
)
def test_options_of_a_rule_are_refused_by_name(option, message):
    with pytest.raises(InputError, match=rf"^threshold\.{message}"):
        load_config("evaluate", "checkpoint=x", f"threshold.{option}")


def test_curves_count_equal_scores_at_once_and_leave_crowds_out():
    boxes = [(1, 3, 0, 0, 10, 10), (1, 3, 100, 0, 50, 50, 1)]
    same = [(1, 3, x, 0, 10, 10, 0.5) for x in (0, 50, 110)]  # right, false, on a crowd
    curve = draw_score_curves(match_detections(coco(boxes), found(*same, (1, 3, 0, 50, 10, 10, 0.4))))[0]
    assert (curve.scores.tolist(), curve.right.tolist(), curve.false.tolist()) == ([0.5, 0.4], [1, 1], [1, 2])
    assert curve.objects == 1


@pytest.mark.parametrize("seed", range(4))
def test_curves_count_what_matching_only_the_detections_above_a_threshold_counts(seed):
    """A match depends on detections of higher scores alone, so one matching serves all thresholds."""
    ground_truth, results = random_case(seed)
    curves = draw_score_curves(match_detections(ground_truth, results))
    for threshold in (0.2, 0.55, 0.9):
        kept = match_detections(ground_truth, [result for result in results if result["score"] >= threshold])
        for label, curve in enumerate(curves):
            count = (curve.scores >= threshold).sum()
            right, false = (np.append(0, values)[count] for values in (curve.right, curve.false))
            own = kept.found.labels == label
            assert (right, false) == ((own & kept.right).sum(), (own & kept.false).sum())


def test_the_confusion_matrix_goes_by_the_threshold_of_each_class():
    ground_truth = coco([(1, 3, 0, 0, 10, 10), (1, 7, 50, 0, 10, 10)])
    results = found((1, 3, 0, 0, 10, 10, 0.4), (1, 7, 50, 0, 10, 10, 0.4))
    matrix = confusion_matrix(ground_truth, results, score_threshold=(0.3, 0.5, 0.5))
    assert len(IDS) == 3
    assert (matrix[0, 0], matrix[1, 1], matrix[1, 3]) == (1, 0, 1)
