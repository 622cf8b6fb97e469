from types import SimpleNamespace

import pytest
import torch
from torchvision.models.detection._utils import BoxCoder
from torchvision.models.detection.ssd import SSD

from heads.ssdlite import RawDetections
from tasks.detection.postprocess import postprocess, read_scores
from tasks.models.postprocessing import Postprocessing

SIZE = (240, 320)


def run(raw, anchors, *, scores="softmax", size=SIZE, **settings):
    return postprocess(raw, anchors, size=size, scores=scores, settings=Postprocessing(**settings))


def logit(score):
    return torch.logit(torch.tensor(score)).item()


def by_hand(class_scores, anchors, **settings):
    """Postprocess one image whose boxes are the anchors, with sigmoid scores given as (A, K) rows."""
    logits = [[9.0, *(logit(score) for score in row)] for row in class_scores]  # background, which never counts, first
    raw = RawDetections(torch.tensor([logits]), torch.zeros(1, len(anchors), 4))
    (found,) = run(raw, torch.tensor(anchors, dtype=torch.float32), scores="sigmoid", **settings)
    rounded = [round(score, 4) for score in found.scores.tolist()]
    return found.boxes.tolist(), rounded, found.labels.tolist()


def random_raw(n, *, a=60, k=4, seed=0):
    """Return predictions on anchors that overlap a lot."""
    generator = torch.Generator().manual_seed(seed)
    low = torch.rand(a, 2, generator=generator) * torch.tensor([220.0, 140])
    anchors = torch.cat((low, low + 40 + torch.rand(a, 2, generator=generator) * 80), dim=1)
    logits = torch.randn(n, a, 1 + k, generator=generator) * 2
    return RawDetections(logits, torch.randn(n, a, 4, generator=generator)), anchors


def assert_equal(found, expected, **tolerance):
    assert torch.equal(found.labels, expected.labels)
    torch.testing.assert_close(found.boxes, expected.boxes, **tolerance)
    torch.testing.assert_close(found.scores, expected.scores, **tolerance)


def test_overlapping_boxes_are_suppressed_within_their_class_alone():
    anchors = [[0, 0, 100, 100], [0, 0, 100, 80], [0, 0, 100, 50]]  # IoU .8, .5 and .625
    boxes, scores, labels = by_hand([[0.9, 0.1], [0.8, 0.7], [0.6, 0.05]], anchors, score_threshold=0.2)
    # class 0: the second overlaps the first by .8, the third by .5 alone; class 1: the second alone
    assert boxes == [anchors[0], anchors[1], anchors[2]]
    assert scores == [0.9, 0.7, 0.6]
    assert labels == [0, 1, 0]


@pytest.mark.parametrize(("iou_threshold", "count"), [(0.79, 1), (0.81, 2)])
def test_the_overlap_that_is_suppressed_is_a_setting(iou_threshold, count):
    boxes, _, _ = by_hand([[0.9], [0.8]], [[0, 0, 100, 100], [0, 0, 100, 80]], iou_threshold=iou_threshold)
    assert len(boxes) == count


@pytest.mark.parametrize(("score_threshold", "expected"), [(0.25, [0.9, 0.3]), (0.35, [0.9]), (0.95, [])])
def test_scores_at_or_below_the_threshold_are_left_out(score_threshold, expected):
    anchors = [[0, 0, 10, 10], [50, 50, 60, 60], [90, 90, 99, 99]]
    _, scores, _ = by_hand([[0.3], [0.9], [0.2]], anchors, score_threshold=score_threshold)
    assert scores == expected


def test_boxes_end_at_the_border_of_the_image():
    boxes, _, _ = by_hand([[0.9], [0.8]], [[-20, -5, 30, 40], [300, 200, 500, 400]])
    assert boxes == [[0, 0, 30, 40], [300, 200, 320, 240]]


@pytest.mark.parametrize("first", [1, 7, 40, 1000])
@pytest.mark.parametrize("settings", [{}, {"per_class": 9, "max_detections": 12}, {"score_threshold": 0.2}])
def test_what_is_found_does_not_depend_on_how_many_pairs_are_tried_first(monkeypatch, first, settings):
    raw, anchors = random_raw(3)
    raw.class_logits[1, :, 1:] -= 6  # few pairs above the threshold
    expected = run(raw, anchors, iou_threshold=0.3, **settings)
    monkeypatch.setattr("tasks.detection.postprocess.FIRST_CANDIDATES", first)
    for found, image in zip(run(raw, anchors, iou_threshold=0.3, **settings), expected, strict=True):
        assert_equal(found, image, rtol=0, atol=0)
    assert len(expected[0].scores) > 10


def test_offsets_move_the_anchor_that_they_belong_to():
    anchors = torch.tensor([[0.0, 0, 10, 10], [100, 100, 120, 110]])
    deltas = torch.tensor([[[0.0, 0, 0, 0], [10, -10, 0, 0]]])  # a width to the right, a height up
    (found,) = run(RawDetections(torch.tensor([[[0.0, -1], [0, 2]]]), deltas), anchors)
    torch.testing.assert_close(found.boxes, torch.tensor([[120.0, 90, 140, 100], [0, 0, 10, 10]]))


def test_scores_are_read_without_the_background():
    logits = torch.tensor([[[1.0, 2, 0]]])
    torch.testing.assert_close(read_scores(logits, "sigmoid"), torch.tensor([[[0.880797, 0.5]]]))
    torch.testing.assert_close(read_scores(logits, "softmax"), torch.tensor([[[0.665241, 0.090031]]]))


@pytest.mark.parametrize("limit", [1, 7, 1000])
def test_the_best_detections_of_each_image_are_kept(limit):
    raw, anchors = random_raw(3)
    everything, some = run(raw, anchors, max_detections=10**6), run(raw, anchors, max_detections=limit)
    for found, full in zip(some, everything, strict=True):
        assert len(found.scores) == min(limit, len(full.scores))
        assert (full.scores.diff() <= 0).all()
        assert torch.equal(found.boxes, full.boxes[:limit])


@pytest.mark.parametrize("per_class", [None, 8])
@pytest.mark.parametrize("seed", range(5))
def test_detections_equal_those_of_torchvision(seed, per_class):
    raw, anchors = random_raw(2, seed=seed)
    coder = BoxCoder(weights=(10.0, 10.0, 5.0, 5.0))
    limits = {"topk_candidates": per_class or 10**4, "detections_per_img": 50}
    ssd = SimpleNamespace(box_coder=coder, score_thresh=0.05, nms_thresh=0.5, **limits)
    outputs = {"cls_logits": raw.class_logits, "bbox_regression": raw.deltas}
    expected = SSD.postprocess_detections(ssd, outputs, [anchors] * 2, [SIZE] * 2)
    settings = {"max_detections": 50, "per_class": per_class}
    found = run(raw, anchors, score_threshold=0.05, iou_threshold=0.5, **settings)
    for ours, theirs in zip(found, expected, strict=True):
        assert len(ours.scores) > 10
        assert_equal(ours, SimpleNamespace(**{**theirs, "labels": theirs["labels"] - 1}), rtol=1e-5, atol=1e-3)


def test_a_class_may_be_held_to_its_best_anchors():
    anchors = [[0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10]]
    scores = [[0.9, 0.3], [0.8, 0.2], [0.7, 0.6]]
    assert by_hand(scores, anchors)[1] == [0.9, 0.8, 0.7, 0.6, 0.3, 0.2]
    assert by_hand(scores, anchors, per_class=2)[1] == [0.9, 0.8, 0.6, 0.3]
    assert by_hand(scores, anchors, per_class=2, max_detections=3)[1] == [0.9, 0.8, 0.6]


@pytest.mark.parametrize("scores", ["sigmoid", "softmax"])
def test_short_floats_give_the_float32_boxes_of_the_same_numbers(scores):
    raw, anchors = random_raw(2)
    short = RawDetections(*(value.bfloat16() for value in raw))
    rounded = RawDetections(*(value.float() for value in short))
    for found, expected in zip(run(short, anchors, scores=scores), run(rounded, anchors, scores=scores), strict=True):
        assert found.boxes.dtype == found.scores.dtype == torch.float32
        assert_equal(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("n", "k", "per_class", "seed"),
    [(3, 4, None, 0), (16, 90, None, 0), (32, 90, 3, 7)],  # the last has overlaps next to the threshold
)
def test_an_image_alone_gives_what_it_gives_in_a_batch(n, k, per_class, seed):
    raw, anchors = random_raw(n, k=k, seed=seed)
    raw.class_logits[..., -10:] += 8  # of k = 90, few classes that many boxes share
    settings = {"per_class": per_class, "iou_threshold": 0.5}
    for image, found in enumerate(run(raw, anchors, **settings)):
        one = RawDetections(*(value[image : image + 1] for value in raw))
        assert_equal(found, run(one, anchors, **settings)[0], rtol=0, atol=0)


@pytest.mark.parametrize("position", [0, 31])
def test_suppression_is_as_exact_at_the_end_of_a_batch_as_at_its_start(position):
    size, k = (1024, 2048), 90
    anchors = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 6.24], [0, 0, 2048, 1024]])  # IoU .624
    logits = torch.full((32, 3, 1 + k), -20.0)
    logits[position, :2, k] = torch.tensor([3.0, 2])
    logits[0, 2, 1] = 1.0  # makes the largest coordinate that of the image
    found = run(RawDetections(logits, torch.zeros(32, 3, 4)), anchors, scores="sigmoid", size=size, iou_threshold=0.61)
    last = found[position].labels == k - 1
    assert found[position].boxes[last].tolist() == [[0, 0, 10, 10]]


def test_an_image_where_nothing_is_found_gives_empty_lists():
    raw, anchors = random_raw(3)
    raw.class_logits[1, :, 1:] = -50.0
    found = run(raw, anchors, scores="sigmoid")
    assert [len(image.scores) > 0 for image in found] == [True, False, True]
    assert (found[1].boxes.shape, found[1].scores.shape, found[1].labels.shape) == ((0, 4), (0,), (0,))
    assert found[1].labels.dtype == torch.int64
    assert all(len(image.boxes) == 0 for image in run(raw, anchors, score_threshold=1.0))


@pytest.mark.parametrize(
    ("field", "value"),
    [("per_class", 2.5), ("per_class", "many"), ("per_class", 0), ("max_detections", None), ("iou_threshold", 1.5)],
)
def test_settings_out_of_range_are_refused_by_name(field, value):
    with pytest.raises(ValueError, match=rf"^{field}: {value!r}; expected"):
        Postprocessing(**{field: value})
