import numpy as np
import pytest

from tasks.detection.errors import DETECTION_KINDS, KINDS, average_precision, find_errors, measure_gains
from tasks.detection.evaluation_matching import match_detections
from tasks.detection.metrics import evaluate_detections
from tests.tasks.detection.test_metrics import coco, found, random_case

BOX = (1, 3, 0, 0, 10, 10)
# What tidecv 1.0.1 says of `made_up_case`, in the order of KINDS; gains in points of AP50.
TIDE_COUNTS = (22, 83, 18, 32, 75, 38)
TIDE_GAINS = (
    3.6005527801629853,
    20.791963302177255,
    1.0775660163214376,
    0.8283958292225932,
    4.8552853208322055,
    6.469788594336521,
)


def kinds(boxes, *rows, threshold=0.0):
    """Return the kinds of the detections, highest score first, None where there is no error, and the boxes missed."""
    matches = match_detections(coco(boxes), found(*rows))
    errors = find_errors(matches, matches.keep(np.full(3, threshold)))
    return [DETECTION_KINDS[kind] if kind >= 0 else None for kind in errors.kinds], errors.missed.tolist()


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ((1, 7, 0, 0, 10, 8, 0.9), "classification"),  # IoU .8 with another class
        ((1, 3, 0, 0, 10, 4, 0.9), "localisation"),  # IoU .4
        ((1, 3, 0, 0, 10, 1, 0.9), "localisation"),  # IoU .1
        ((1, 7, 0, 0, 10, 4, 0.9), "both"),
        ((1, 3, 9.5, 0, 10, 10, 0.9), "background"),  # IoU .026
        ((1, 7, 50, 50, 10, 10, 0.9), "background"),
        ((2, 3, 0, 0, 10, 10, 0.9), "background"),  # on an image without boxes
        ((1, 3, 0, 0, 10, 5, 0.9), None),  # IoU .5
    ],
)
def test_each_kind_by_hand(row, kind):
    names, missed = kinds([BOX], row)
    assert names == [kind]
    assert missed == [kind in ("both", "background")]  # the others could become right


def test_the_second_detection_of_a_box_is_a_duplicate():
    assert kinds([BOX], (1, 3, 0, 0, 10, 10, 0.5), (1, 3, 0, 0, 10, 9, 0.8)) == ([None, "duplicate"], [False])


def test_a_detection_near_a_box_of_its_class_is_badly_placed_though_it_lies_on_one_of_another():
    names, _ = kinds([BOX, (1, 7, 0, 7, 10, 10)], (1, 3, 0, 7, 10, 10, 0.9))  # IoU .18 and 1
    assert names == ["localisation"]


def test_detections_on_a_crowd_of_their_class_are_no_errors():
    crowd = [(1, 3, 0, 0, 100, 100, 1)]
    assert kinds(crowd, (1, 3, 5, 5, 10, 10, 0.9), (1, 7, 5, 5, 10, 10, 0.8))[0] == [None, "background"]


def test_below_the_threshold_nothing_is_an_error_and_boxes_are_missed():
    rows = (1, 3, 0, 0, 10, 10, 0.4), (1, 7, 50, 50, 10, 10, 0.3), (1, 7, 80, 50, 10, 10, 0.6)
    assert kinds([BOX], *rows) == (["background", None, "background"], [False])
    assert kinds([BOX], *rows, threshold=0.5) == (["background", None, None], [True])


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        ("both", (1, 3, 50, 0, 10, 4, 0.9)),
        ("duplicate", (1, 3, 0, 0, 10, 9, 0.9)),
        ("background", (1, 3, 90, 90, 10, 10, 0.9)),
    ],
)
def test_removing_what_is_false_gives_what_it_costs(kind, row):
    """One of two classes has a false positive above its only hit: precision one half."""
    boxes = [BOX, (1, 7, 50, 0, 10, 10)]
    hits = [(1, 3, 0, 0, 10, 10, 0.5 if kind != "duplicate" else 0.95), (1, 7, 50, 0, 10, 10, 0.5)]
    late = [(2, 3, 0, 0, 10, 10, 0.5)] if kind == "duplicate" else []  # a second box, found after the duplicate
    matches = match_detections(coco(boxes + [entry[:6] for entry in late]), found(*hits, row, *late))
    lost = 0.5 if kind != "duplicate" else 50 / 101 * (1 / 3)  # of class 3; recalls above .5 at two of three
    assert measure_gains(matches) == {**dict.fromkeys(KINDS, 0.0), kind: pytest.approx(lost / 2)}


def test_mending_class_or_place_makes_a_detection_right_once():
    wrong_class, badly_placed = (1, 7, 0, 0, 10, 10, 0.9), (1, 3, 0, 0, 10, 4, 0.8)
    assert measure_gains(match_detections(coco([BOX]), found(wrong_class)))["classification"] == pytest.approx(1.0)
    assert measure_gains(match_detections(coco([BOX]), found(badly_placed)))["localisation"] == pytest.approx(1.0)
    both = measure_gains(match_detections(coco([BOX]), found(wrong_class, badly_placed)))
    assert (both["classification"], both["localisation"]) == (pytest.approx(1.0), 0.0)  # the first alone gets the box


def test_mending_missed_boxes_takes_them_out():
    gains = measure_gains(match_detections(coco([BOX, (2, 3, 0, 0, 9, 9)]), found((1, 3, 0, 0, 10, 10, 0.9))))
    assert gains == {**dict.fromkeys(KINDS, 0.0), "missed": pytest.approx(1 - 51 / 101)}  # recalls 0 to .5 were had


def test_without_boxes_there_is_nothing_to_gain():
    assert measure_gains(match_detections(coco([]), found((1, 3, 0, 0, 9, 9, 0.9)))) == dict.fromkeys(KINDS)
    assert measure_gains(match_detections(coco([BOX]), [])) == {**dict.fromkeys(KINDS, 0.0)}


@pytest.mark.parametrize("seed", range(6))
def test_average_precision_is_that_of_cocoeval_with_crowds_and_more_detections_than_count(seed):
    ground_truth, results = random_case(seed)
    matches, metrics = match_detections(ground_truth, results), evaluate_detections(ground_truth, results)
    for label, name in enumerate(matches.names):
        own = np.flatnonzero(~matches.ignored & (matches.found.labels == label))
        own = own[np.argsort(-matches.found.scores[own], kind="stable")]
        ap = average_precision(matches.right[own], boxes=int(matches.box_counts[label]))
        assert ap == pytest.approx(metrics.parts[name]["AP50"], abs=1e-12)


def made_up_case():
    """60 images with boxes of three classes, and detections moved, misnamed, doubled and made up, all scores differ."""
    rng = np.random.default_rng(8)
    boxes, rows = [], []
    for image in range(1, 61):
        for _ in range(rng.integers(0, 6)):
            box = [*rng.uniform(0, 250, 2), *rng.uniform(15, 120, 2)]
            label = int(rng.choice([3, 7, 90]))
            boxes.append((image, label, *box))
            for _ in range(rng.integers(0, 4)):
                named = label if rng.random() < 0.75 else int(rng.choice([3, 7, 90]))
                rows.append((image, named, *(np.array(box) * rng.normal(1, 0.1, 4)).tolist(), rng.random()))
        for _ in range(rng.integers(0, 3)):
            rows.append((image, int(rng.choice([3, 7, 90])), *rng.uniform(10, 200, 4).tolist(), rng.random()))
    return coco(boxes, num_images=60), found(*rows)


def test_counts_and_gains_are_those_of_the_authors_program():
    matches = match_detections(*made_up_case())
    assert find_errors(matches).count() == dict(zip(KINDS, TIDE_COUNTS, strict=True))
    assert measure_gains(matches) == {
        kind: pytest.approx(gain / 100, abs=1e-9) for kind, gain in zip(KINDS, TIDE_GAINS, strict=True)
    }
