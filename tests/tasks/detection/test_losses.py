import math
from types import SimpleNamespace

import pytest
import torch
from torchvision.models.detection._utils import BoxCoder
from torchvision.models.detection.ssd import SSD
from torchvision.ops import generalized_box_iou

from heads.ssdlite import RawDetections
from tasks.detection.iou_assignment import BACKGROUND, IGNORED, Assignment
from tasks.detection.losses import (
    assign_class_targets,
    detection_loss,
    focal_loss,
    generalized_iou,
    giou_box_loss,
    hard_negative_loss,
    quality_loss,
    smooth_l1_box_loss,
    take_boxes,
)
from tasks.detection.settings import LossSettings

A, K = 200, 5


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def random_boxes(*shape, generator):
    low = torch.rand(*shape, 2, generator=generator) * 200
    return torch.cat((low, low + 10 + torch.rand(*shape, 2, generator=generator) * 100), dim=-1)


def batch(positives, *, seed=0):
    """Return random predictions, anchors and targets of images with that many positives each."""
    generator = torch.Generator().manual_seed(seed)
    n, g = len(positives), 3
    matches = torch.full((n, A), BACKGROUND)
    for image, count in enumerate(positives):
        chosen = torch.randperm(A, generator=generator)[:count]
        matches[image, chosen] = torch.randint(0, g, (count,), generator=generator)
    labels = torch.randint(0, K, (n, g), generator=generator)
    labels[torch.tensor(positives) == 0] = -1
    raw = RawDetections(
        (torch.randn(n, A, 1 + K, generator=generator) * 2).requires_grad_(),
        torch.randn(n, A, 4, generator=generator).requires_grad_(),
    )
    return raw, random_boxes(A, generator=generator), random_boxes(n, g, generator=generator), labels, matches


def ours(raw, anchors, boxes, labels, matches, *, scores, box_weight=1.0):
    return detection_loss(
        raw,
        anchors,
        boxes=boxes,
        labels=labels,
        assignment=Assignment(matches, (matches >= 0).float()),
        scores=scores,
        settings=LossSettings(assignment="iou", box="smooth_l1", box_weight=box_weight),
    )


def torchvisions(raw, anchors, boxes, labels, matches):
    """Return torchvision's losses; its labels count from 1, its lists are not padded."""
    ssd = SimpleNamespace(box_coder=BoxCoder(weights=(10.0, 10.0, 5.0, 5.0)), neg_to_pos_ratio=3.0)
    real = [label >= 0 for label in labels]
    targets = [
        {"boxes": image[keep], "labels": 1 + label[keep]}
        for image, label, keep in zip(boxes, labels, real, strict=True)
    ]
    outputs = {"cls_logits": raw.class_logits, "bbox_regression": raw.deltas}
    return SSD.compute_loss(ssd, targets, outputs, [anchors] * len(boxes), list(matches))


def box_loss(deltas, anchors, *, boxes, matches):
    own = take_boxes(boxes, anchors, matches)
    return smooth_l1_box_loss(deltas, anchors, boxes=own, quality=(matches >= 0).float())


def class_gradients(loss, raw):
    """Return how much each image's class logits are pulled at: (N,)."""
    (gradient,) = torch.autograd.grad(loss, raw.class_logits)
    return gradient.abs().sum((1, 2))


def test_class_targets_by_hand():
    matches, labels = torch.tensor([[BACKGROUND, 1, IGNORED, 0]]), torch.tensor([[4, 0]])
    assert assign_class_targets(matches, labels).tolist() == [[0, 1, IGNORED, 5]]
    nothing = torch.full((1, 2), BACKGROUND)
    assert assign_class_targets(nothing, torch.zeros(1, 0).long()).tolist() == [[0, 0]]


@pytest.mark.parametrize("slot", [0, 1])
def test_the_focal_loss_of_one_anchor_by_hand(slot):
    logits = [0.3, -1.2]
    right, wrong = sigmoid(logits[slot]), sigmoid(logits[1 - slot])
    expected = -0.75 * (1 - right) ** 2 * math.log(right) - 0.25 * wrong**2 * math.log(1 - wrong)
    loss = focal_loss(torch.tensor([[logits]]), torch.tensor([[slot]]))
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_focal_losses_of_all_counted_anchors_add_up():
    logits = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
    class_targets = torch.tensor([[0, 2, IGNORED], [3, IGNORED, 0]])
    parts = [focal_loss(logits[n, a][None, None], class_targets[n, a][None, None]) for n in (0, 1) for a in (0, 1, 2)]
    assert [part.item() == 0 for part in parts] == [False, False, True, False, True, False]
    torch.testing.assert_close(focal_loss(logits, class_targets), sum(parts))


def test_hard_negatives_by_hand():
    logits = torch.tensor([[[0.0, 1], [0, -3], [0, 2], [0, -1], [0, 0], [0, 5]]])  # the higher, the harder
    class_targets = torch.tensor([[1, 0, 0, 0, 0, IGNORED]])
    softplus = [math.log1p(math.exp(x)) for x in (-1, 2, -1, 0)]  # the positive; its three hardest negatives
    assert hard_negative_loss(logits, class_targets).item() == pytest.approx(sum(softplus), rel=1e-5)


def test_ignored_anchors_do_not_fill_up_the_negatives():
    logits = torch.tensor([[[0.0, 1], [0, 5], [0, 2]]])
    loss = hard_negative_loss(logits, torch.tensor([[1, IGNORED, 0]]))  # one negative, though three are wanted
    assert loss.item() == pytest.approx(math.log1p(math.exp(-1)) + math.log1p(math.exp(2)), rel=1e-5)


@pytest.mark.parametrize(("positives", "negatives"), [(0, 3), (1, 3), (2, 6), (30, 90), (60, 140)])
def test_there_are_three_negatives_for_each_positive_as_far_as_they_go(positives, negatives):
    raw, *_, labels, matches = batch([positives])
    loss = hard_negative_loss(raw.class_logits, assign_class_targets(matches, labels))
    (gradient,) = torch.autograd.grad(loss, raw.class_logits)
    pulled = gradient.abs().sum(-1) > 0
    assert pulled[matches >= 0].sum() == positives
    assert pulled[matches < 0].sum() == negatives


@pytest.mark.parametrize("positives", [[1], [4, 9, 2], [30, 1]])
def test_both_losses_equal_those_of_torchvision_where_every_image_has_boxes(positives):
    values = batch(positives)
    loss, expected = ours(*values, scores="softmax"), torchvisions(*values)
    torch.testing.assert_close(loss.classification, expected["classification"], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(loss.box, expected["bbox_regression"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("scores", ["sigmoid", "softmax"])
def test_an_image_of_background_alone_teaches_classes_unlike_torchvisions(scores):
    values = batch([5, 0])
    pulled = class_gradients(ours(*values, scores=scores).classification, values[0])
    ignored = class_gradients(torchvisions(*values)["classification"], values[0])
    assert (pulled > 0.01).all()
    assert ignored[0] > 0.01
    assert ignored[1] == 0


@pytest.mark.parametrize("scores", ["sigmoid", "softmax"])
def test_ignored_anchors_teach_nothing(scores):
    raw, anchors, boxes, labels, matches = batch([5, 0])
    hardest = raw.class_logits[..., 0].argmin(dim=1, keepdim=True)  # certainly among the hard negatives otherwise
    matches = matches.scatter(1, hardest, IGNORED)
    loss = ours(raw, anchors, boxes, labels, matches, scores=scores)
    for gradient in torch.autograd.grad(loss.classification + loss.box, list(raw)):
        assert (gradient[matches == IGNORED] == 0).all()
        assert gradient.abs().sum() > 0


@pytest.mark.parametrize("width", [0, 3])
@pytest.mark.parametrize("scores", ["sigmoid", "softmax"])
def test_a_batch_without_boxes_gives_finite_losses_and_leaves_offsets_alone(scores, width):
    raw, anchors, boxes, labels, matches = batch([0, 0])
    loss = ours(raw, anchors, torch.zeros_like(boxes[:, :width]), labels[:, :width], matches, scores=scores)
    classes, deltas = torch.autograd.grad(loss.classification + loss.box, list(raw))
    assert loss.box == 0
    assert loss.classification.isfinite()
    assert classes.isfinite().all()
    assert classes.abs().sum() > 0
    assert (deltas == 0).all()


def test_the_box_loss_by_hand():
    anchors = torch.tensor([[0.0, 0, 10, 20], [0, 0, 10, 20], [50, 50, 60, 60]])
    boxes = torch.tensor([[[99.0, 99, 100, 100], [5, 10, 15, 20]]])
    deltas = torch.tensor([[[0.0, 0, 0, 0], [5, 2, 0, 0], [9, 9, 9, 9]]])
    matches = torch.tensor([[1, 1, BACKGROUND]])
    size = 5 * math.log(2)  # targets of both anchors: 5, 2.5, 0, -size
    expected = (4.5 + 2 + size - 0.5) + (0.5 * 0.5**2 + size - 0.5)
    assert box_loss(deltas, anchors, boxes=boxes, matches=matches).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("scores", ["sigmoid", "softmax"])
def test_both_losses_are_over_the_matches_of_the_batch(scores):
    raw, anchors, boxes, labels, matches = batch([3, 4])
    loss = ours(raw, anchors, boxes, labels, matches, scores=scores, box_weight=0.25)
    class_targets = assign_class_targets(matches, labels)
    classes = {"sigmoid": focal_loss, "softmax": hard_negative_loss}[scores](raw.class_logits, class_targets)
    torch.testing.assert_close(loss.classification, classes / 7)
    torch.testing.assert_close(loss.box, box_loss(raw.deltas, anchors, boxes=boxes, matches=matches) / 7 / 4)


def test_losses_of_short_floats_are_computed_in_float32():
    raw, *rest = batch([3])
    short = RawDetections(raw.class_logits.bfloat16(), raw.deltas.bfloat16())
    rounded = RawDetections(short.class_logits.float(), short.deltas.float())
    for value, expected in zip(
        ours(short, *rest, scores="sigmoid"), ours(rounded, *rest, scores="sigmoid"), strict=True
    ):
        assert value.dtype == torch.float32
        assert value == expected


def test_the_loss_of_quality_by_hand():
    logits = torch.tensor([[[9.0, 0.4, -1.0], [9.0, 2.0, 0.0], [9.0, 3.0, 3.0]]])
    class_targets, quality = torch.tensor([[2, 0, IGNORED]]), torch.tensor([[0.7, 0.0, 0.0]])
    right = -0.7 * math.log(sigmoid(-1.0)) - 0.3 * math.log(1 - sigmoid(-1.0))
    wrong = sum(-math.log(1 - sigmoid(x)) for x in (0.4, 2.0, 0.0))
    assert quality_loss(logits, class_targets, quality=quality).item() == pytest.approx(right + wrong, rel=1e-5)


def test_the_background_slot_learns_nothing_from_quality():
    logits = torch.randn(1, 4, 3, requires_grad=True)
    quality_loss(logits, torch.tensor([[0, 1, 2, 0]]), quality=torch.tensor([[0.0, 0.5, 1.0, 0.0]])).backward()
    assert (logits.grad[..., 0] == 0).all()
    assert (logits.grad[..., 1:] != 0).all()


def test_the_giou_loss_by_hand():
    anchors = torch.tensor([[0.0, 0, 10, 10], [20, 20, 30, 30]])
    boxes = torch.tensor([[[0.0, 0, 10, 20], [40.0, 20, 50, 30]]])
    apart = 1 - (0 - 100 / 300)  # 100 of the 300 px that hold both lie in neither
    expected = 0.5 * (1 - 0.5) + 1.0 * apart
    loss = giou_box_loss(torch.zeros(1, 2, 4), anchors, boxes=boxes, quality=torch.tensor([[0.5, 1.0]]))
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_the_generalized_iou_equals_torchvisions():
    generator = torch.Generator().manual_seed(0)
    first, second = random_boxes(200, generator=generator), random_boxes(200, generator=generator)
    expected = generalized_box_iou(first, second).diagonal()
    torch.testing.assert_close(generalized_iou(first, second), expected)
    nothing = torch.zeros(1, 4)
    assert generalized_iou(nothing, nothing).isfinite().all()


def test_a_match_of_half_the_quality_counts_half():
    raw, anchors, boxes, labels, matches = batch([4])
    settings = LossSettings(assignment="task_aligned", box="giou", box_weight=2.0)
    whole = (matches >= 0).float()
    options = {"boxes": boxes, "labels": labels, "scores": "sigmoid", "settings": settings}
    one, half = (
        detection_loss(raw, anchors, assignment=Assignment(matches, quality), **options)
        for quality in (whole, whole / 2)
    )
    torch.testing.assert_close(one.box, half.box)  # 4 matches of quality 1, or of quality 1 / 2: the same average
    own = take_boxes(boxes, anchors, matches)
    torch.testing.assert_close(one.box, 2 * giou_box_loss(raw.deltas, anchors, boxes=own, quality=whole) / 4)


@pytest.mark.parametrize(
    "wrong",
    [
        {"assignment": "atss"},
        {"box": "l2"},
        {"box_weight": 0.0},
        {"matching_iou": 1.5},
        {"candidates": 0},
        {"candidates": 9},  # of no use with assignment "iou"
        {"assignment": "task_aligned", "matching_iou": 0.4},
        {"min_negatives": -1},
    ],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match=rf"loss\.{list(wrong)[-1]}: (.*expected|unknown|does nothing)"):
        LossSettings(**{"assignment": "iou", "box": "giou", "box_weight": 1.0} | wrong)
