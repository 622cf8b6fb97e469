import math

import pytest
import torch
from torch.nn import functional as F

from data.samples import IGNORE
from heads.ssdlite import RawDetections
from tasks.detection import distillation as detection
from tasks.distillation.features import feature_loss
from tasks.distillation.settings import Distillation
from tasks.segmentation import distillation as segmentation

SCORES = ("sigmoid", "softmax")
LN3 = math.log(3)  # sigmoid(ln 3) = .75, and so is the softmax of (0, ln 3)


def random_raw(seed, *, outputs=4, anchors=50):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, anchors, outputs, generator=generator) * 2
    return RawDetections(logits.requires_grad_(), torch.randn(2, anchors, 4, generator=generator).requires_grad_())


def random_maps(seed, classes=5):
    generator = torch.Generator().manual_seed(seed)
    masks = torch.randint(0, classes, (2, 6, 7), generator=generator)
    masks[torch.rand(masks.shape, generator=generator) < 0.3] = IGNORE
    return (torch.randn(2, classes, 6, 7, generator=generator) * 3).requires_grad_(), masks


def detector_loss(raw, teacher_raw, *, scores="softmax", class_map=None, **settings):
    return detection.distillation_loss(
        raw, teacher_raw, class_map=class_map, scores=scores, settings=Distillation(**settings)
    )


def segmenter_loss(logits, teacher_raw, masks, *, class_map=None, temperature=1.0):
    return segmentation.distillation_loss(logits, teacher_raw, masks, class_map=class_map, temperature=temperature)


def test_the_loss_of_two_softmax_anchors_by_hand():
    raw = RawDetections(torch.zeros(1, 2, 2), torch.zeros(1, 2, 4))
    teacher_raw = RawDetections(torch.tensor([[[0, LN3], [0, LN3]]]), torch.tensor([[[2.0, 0, -0.5, 0], [0, 0, 0, 0]]]))
    divergence = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    expected = divergence + 0.3 * (1.5 + 0.125) / 2  # both weights are .75^2, together above 1
    assert detector_loss(raw, teacher_raw, box_weight=0.3).item() == pytest.approx(expected, rel=1e-6)


def test_the_loss_of_a_sigmoid_anchor_by_hand():
    raw = RawDetections(torch.zeros(1, 1, 3), torch.zeros(1, 1, 4))
    teacher_raw = RawDetections(torch.tensor([[[9, LN3, 0.0]]]), torch.tensor([[[0.5, 0, 0, 0]]]))
    divergence = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)  # of class 0; class 1 is equal
    expected = 0.75**2 * (divergence + 0.125)  # the weights' sum is below 1
    assert detector_loss(raw, teacher_raw, scores="sigmoid").item() == pytest.approx(expected, rel=1e-6)


def test_a_temperature_divides_the_logits_and_its_square_restores_the_gradient():
    raw, teacher_raw = torch.zeros(1, 1, 2), torch.tensor([[[0, 2 * LN3]]])
    divergence = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    for scores, logits in (("softmax", (raw, teacher_raw)), ("sigmoid", (raw, teacher_raw))):
        found = detection.class_divergence(*logits, scores=scores, temperature=2.0)
        assert found.item() == pytest.approx(4 * divergence, rel=1e-5)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_divergences_equal_torchs(temperature):
    ours, theirs = random_raw(0).class_logits, random_raw(1).class_logits
    found = detection.class_divergence(ours, theirs, scores="softmax", temperature=temperature)
    target = (theirs / temperature).softmax(-1)
    expected = F.kl_div((ours / temperature).log_softmax(-1), target, reduction="sum") * temperature**2
    torch.testing.assert_close(found.sum(), expected)
    logits, masks = random_maps(0)
    teacher_raw = random_maps(1)[0]
    kept = (masks != IGNORE).flatten()
    ours, theirs = (x.permute(0, 2, 3, 1).reshape(-1, 5)[kept] / temperature for x in (logits, teacher_raw))
    expected = F.kl_div(ours.log_softmax(-1), theirs.softmax(-1), reduction="batchmean") * temperature**2
    torch.testing.assert_close(segmenter_loss(logits, teacher_raw, masks, temperature=temperature), expected)


def test_a_sigmoid_teacher_has_the_gradient_of_binary_cross_entropy():
    ours, theirs = random_raw(0).class_logits, random_raw(1).class_logits
    found = detection.class_divergence(ours, theirs.detach(), scores="sigmoid", temperature=1.0).sum()
    expected = F.binary_cross_entropy_with_logits(ours[..., 1:], theirs.detach()[..., 1:].sigmoid(), reduction="sum")
    torch.testing.assert_close(*(torch.autograd.grad(loss, ours)[0] for loss in (found, expected)))


@pytest.mark.parametrize("scores", SCORES)
def test_a_detector_equal_to_its_teacher_has_no_loss_and_no_gradient(scores):
    raw = random_raw(0)
    teacher_raw = RawDetections(*(x.detach().clone() for x in raw))
    loss = detector_loss(raw, teacher_raw, scores=scores, temperature=2.0)
    assert loss == 0
    for gradient in torch.autograd.grad(loss, list(raw)):
        torch.testing.assert_close(gradient, torch.zeros_like(gradient), rtol=0, atol=1e-7)


def test_a_segmenter_equal_to_its_teacher_has_no_loss_and_no_gradient():
    logits, masks = random_maps(0)
    loss = segmenter_loss(logits, logits.detach().clone(), masks, temperature=2.0)
    assert loss == 0
    (gradient,) = torch.autograd.grad(loss, logits)
    torch.testing.assert_close(gradient, torch.zeros_like(gradient), rtol=0, atol=1e-7)


@pytest.mark.parametrize("scores", SCORES)
def test_steps_down_the_gradient_bring_a_detector_to_its_teacher(scores):
    raw, teacher_raw = random_raw(0), RawDetections(*(x.detach() for x in random_raw(1)))
    optimizer = torch.optim.Adam(list(raw), lr=0.1)
    first = detector_loss(raw, teacher_raw, scores=scores).item()
    for _ in range(100):
        optimizer.zero_grad()
        loss = detector_loss(raw, teacher_raw, scores=scores)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.02 * first


@pytest.mark.parametrize("scores", SCORES)
def test_anchors_that_the_teacher_takes_for_background_teach_next_to_nothing(scores):
    raw, teacher_raw = random_raw(0), random_raw(1)
    logits = teacher_raw.class_logits.detach().clone()
    logits[:, 10:, 0], logits[:, 10:, 1:] = 8.0, -8.0
    loss = detector_loss(raw, RawDetections(logits, teacher_raw.deltas.detach()), scores=scores)
    for gradient in torch.autograd.grad(loss, list(raw)):
        assert gradient[:, :10].abs().amax() > 0.01
        assert gradient[:, 10:].abs().amax() < 1e-6


def test_classes_that_a_softmax_student_lacks_are_background_to_it():
    logits = torch.tensor([[[1.0, 2.0, -1.0, 0.5]]])  # background, a, b, c
    before = logits.softmax(-1)[0, 0]
    after = detection.choose_classes(logits, torch.tensor([2, 0]), scores="softmax").softmax(-1)[0, 0]
    torch.testing.assert_close(after, torch.stack((before[0] + before[2], before[3], before[1])))


def test_classes_are_taken_from_where_the_teacher_has_them():
    logits = torch.tensor([[[9.0, 2.0, -1.0, 0.5]]])
    assert detection.choose_classes(logits, torch.tensor([2, 0]), scores="sigmoid").tolist() == [[[9.0, 0.5, 2.0]]]
    assert detection.choose_classes(logits, None, scores="softmax") is logits
    class_map = torch.tensor([3, 1, 0, 4, 2])
    student, masks = random_maps(0)
    loss = segmenter_loss(student[:, class_map], student, masks, class_map=class_map)
    assert loss.item() == pytest.approx(0, abs=1e-6)


def test_the_loss_of_pixels_by_hand_leaves_ignored_ones_out():
    logits = torch.zeros(1, 2, 1, 3)
    teacher_raw = torch.tensor([[[[0.0, 0, 5]], [[LN3, 0, 0]]]])
    masks = torch.tensor([[[1, 0, IGNORE]]])
    divergence = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    assert segmenter_loss(logits, teacher_raw, masks).item() == pytest.approx(divergence / 2, rel=1e-6)
    assert segmenter_loss(logits, teacher_raw, torch.full_like(masks, IGNORE)) == 0


def test_the_angle_of_features_by_hand():
    projected = torch.tensor([[[[2.0, 1]], [[0.0, 1]]]])  # two channels, two cells
    features = torch.tensor([[[[5.0, 3]], [[0.0, 0]]]])
    assert feature_loss(projected, features).item() == pytest.approx((0 + 1 - math.sqrt(0.5)) / 2, abs=1e-6)
    assert feature_loss(features, 7 * features) == pytest.approx(0, abs=1e-6)


def test_features_of_another_size_are_resized_to_the_students():
    coarse = torch.randn(2, 8, 2, 3, generator=torch.Generator().manual_seed(0))
    fine = F.interpolate(coarse, size=(4, 6), mode="bilinear", align_corners=False)
    assert feature_loss(fine, coarse) == pytest.approx(0, abs=1e-6)


def test_short_floats_are_compared_in_float32():
    raw, teacher_raw = (RawDetections(*(x.bfloat16() for x in random_raw(seed))) for seed in (0, 1))
    logits, masks = random_maps(0)
    short, theirs = logits.bfloat16(), random_maps(1)[0].bfloat16()
    long = [RawDetections(*(x.float() for x in values)) for values in (raw, teacher_raw)]
    for found, expected in (
        (detector_loss(raw, teacher_raw), detector_loss(*long)),
        (segmenter_loss(short, theirs, masks), segmenter_loss(short.float(), theirs.float(), masks)),
        (feature_loss(short, theirs), feature_loss(short.float(), theirs.float())),
    ):
        assert found.dtype == torch.float32
        assert found == expected


@pytest.mark.parametrize(
    "values",
    [
        {"temperature": 0.0},
        {"temperature": math.inf},
        {"weight": -1.0},
        {"weight": math.nan},
        {"box_weight": -0.1},
        {"weights": "file"},
    ],
)
def test_settings_out_of_range_are_refused_by_name(values):
    with pytest.raises(ValueError, match=f"distill.{next(iter(values))}: "):
        Distillation(**values)
