import math
from functools import partial

import pytest
import torch
from torch.nn import functional as F

from data.samples import IGNORE
from tasks.segmentation import losses as pixel_losses
from tasks.segmentation.losses import segmentation_loss
from tasks.segmentation.metrics import ConfusionMatrix
from tasks.segmentation.pixels import Pixels
from tasks.segmentation.settings import LossSettings
from tasks.segmentation.upsampling import Upsampling


def as_pixels(logits, masks):
    """Return pixels whose logits have the size of their masks."""
    return Pixels(logits, masks, Upsampling(masks.shape[1:], align_corners=False))


def on_logits(loss):
    """Return a loss of pixels as one of logits (N, K, H, W) and masks (N, H, W)."""
    return lambda logits, masks, **options: loss(as_pixels(logits, masks), **options)


cross_entropy_loss = on_logits(pixel_losses.cross_entropy_loss)
dice_loss = on_logits(pixel_losses.dice_loss)
lovasz_loss = on_logits(pixel_losses.lovasz_loss)


def random_batch(ignored=0.3):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 5, 9, 7, generator=generator) * 3
    masks = torch.randint(0, 5, (2, 9, 7), generator=generator)
    masks[torch.rand(masks.shape, generator=generator) < ignored] = IGNORE
    return logits.requires_grad_(), masks


def test_the_loss_of_three_pixels_by_hand():
    logits = torch.tensor([[[[2.0, 0, 7]], [[0, 1, -4]]]])  # two classes, one row of three pixels
    masks = torch.tensor([[[0, 0, IGNORE]]])
    expected = (math.log1p(math.exp(-2)) + math.log1p(math.exp(1))) / 2
    assert cross_entropy_loss(logits, masks).item() == pytest.approx(expected, rel=1e-6)


def test_the_loss_equals_torchs_mean():
    logits, masks = random_batch()
    torch.testing.assert_close(cross_entropy_loss(logits, masks), F.cross_entropy(logits, masks, ignore_index=IGNORE))


def test_smoothed_labels_are_torchs():
    logits, masks = random_batch()
    expected = F.cross_entropy(logits, masks, ignore_index=IGNORE, label_smoothing=0.2)
    torch.testing.assert_close(cross_entropy_loss(logits, masks, label_smoothing=0.2), expected)
    torch.testing.assert_close(cross_entropy_loss(logits, masks, label_smoothing=0.2, ohem=0.99999), expected)


@pytest.mark.parametrize(("ohem", "hardest"), [(0.25, [3.0]), (0.5, [3, 2]), (0.75, [3, 2, 1]), (0.01, [3])])
def test_the_hardest_of_four_pixels_by_hand(ohem, hardest):
    margins = torch.tensor([2.0, 0, 3, 1, 9, 9, 9])  # by which the wrong class of two is ahead
    logits = torch.stack([torch.zeros(7), margins])[None, :, None]  # (1, 2, 1, 7)
    masks = torch.tensor([[[0, 0, 0, 0, IGNORE, IGNORE, IGNORE]]])
    expected = sum(math.log1p(math.exp(margin)) for margin in hardest) / len(hardest)
    assert cross_entropy_loss(logits, masks, ohem=ohem).item() == pytest.approx(expected, rel=1e-6)


def test_easy_pixels_teach_nothing():
    logits, masks = random_batch()
    (gradient,) = torch.autograd.grad(cross_entropy_loss(logits, masks, ohem=0.3), logits)
    loss = F.cross_entropy(logits, masks, ignore_index=IGNORE, reduction="none")
    count = round(0.3 * int((masks != IGNORE).sum()))
    assert torch.equal(gradient.abs().sum(1) > 0, loss >= loss.flatten().topk(count).values[-1])


def from_scores(*rows):
    """Return logits (1, K, 1, P) of given scores: for each class those of P pixels."""
    return torch.tensor(rows).log()[None, :, None]


def test_the_dice_loss_of_two_pixels_by_hand():
    logits, masks = from_scores([0.75, 0.5], [0.25, 0.5]), torch.tensor([[[0, 1]]])
    dice = [2 * 0.75 / (1.25 + 1), 2 * 0.5 / (0.75 + 1)]
    assert dice_loss(logits, masks).item() == pytest.approx(1 - sum(dice) / 2, rel=1e-6)


def test_the_lovasz_loss_of_three_pixels_by_hand():
    logits, masks = from_scores([0.5, 0.25, 0.75], [0.5, 0.75, 0.25]), torch.tensor([[[0, 1, 1]]])
    # class 0: errors .75 (pixel 2), .5 (pixel 0), .25 (pixel 1): 1 - IoU rises to 1 / 2, 1, 1
    # class 1: errors .75 (pixel 2), .5 (pixel 0), .25 (pixel 1): 1 - IoU rises to 1 / 2, 2 / 3, 1
    first = 0.75 / 2 + 0.5 / 2
    second = 0.75 / 2 + 0.5 / 6 + 0.25 / 3
    assert lovasz_loss(logits, masks).item() == pytest.approx((first + second) / 2, rel=1e-6)


def test_the_lovasz_loss_of_hard_predictions_is_one_minus_the_mean_iou():
    _, masks = random_batch()
    predictions = torch.randint(0, 5, masks.shape, generator=torch.Generator().manual_seed(1))
    logits = 200.0 * F.one_hot(predictions, 5).permute(0, 3, 1, 2)
    confusion = ConfusionMatrix(5)
    confusion.update(predictions, masks)
    counts = confusion.matrix.double()
    iou = counts.diag() / (counts.sum(0) + counts.sum(1) - counts.diag())
    assert lovasz_loss(logits, masks).item() == pytest.approx(1 - iou.mean().item(), rel=1e-6)


def lovasz_by_definition(logits, masks, label):
    """Add up each pixel's error times what calling it wrong too adds to 1 - IoU, in order of the errors."""
    counted = masks != IGNORE
    truth, scores = (masks == label)[counted], logits.softmax(1)[:, label][counted]
    errors = torch.where(truth, 1 - scores, scores).double()
    wrong, before, total = torch.zeros_like(truth), 0.0, 0.0
    for pixel in errors.argsort(descending=True):
        wrong[pixel] = True
        predicted = truth ^ wrong
        after = 1 - (truth & predicted).sum().item() / (truth | predicted).sum().item()
        before, total = after, total + errors[pixel].item() * (after - before)
    return total


def test_the_lovasz_loss_is_its_definition():
    logits, masks = random_batch()
    expected = sum(lovasz_by_definition(logits.detach(), masks, label) for label in range(5)) / 5
    assert lovasz_loss(logits, masks).item() == pytest.approx(expected, rel=1e-5)


LOSSES = {
    "cross-entropy": cross_entropy_loss,
    "the hardest pixels": partial(cross_entropy_loss, ohem=0.4, label_smoothing=0.1),
    "dice": dice_loss,
    "lovasz": lovasz_loss,
}
every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)


@every_loss
def test_gradients_are_those_of_finite_differences(loss):
    logits, masks = random_batch()
    logits, masks = logits.detach()[:, :, :3, :2].requires_grad_(), masks[:, :3, :2]
    (gradient,) = torch.autograd.grad(loss(logits, masks), logits)
    direction = torch.randn(logits.shape, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        rise = (loss(logits + 1e-3 * direction, masks) - loss(logits - 1e-3 * direction, masks)) / 2e-3
    torch.testing.assert_close((gradient * direction).sum(), rise, rtol=2e-2, atol=1e-3)


@every_loss
def test_ignored_pixels_teach_nothing(loss):
    logits, masks = random_batch()
    (gradient,) = torch.autograd.grad(loss(logits, masks), logits)
    pulled = gradient.abs().sum(1) > 0
    assert not pulled[masks == IGNORE].any()
    assert pulled.any()
    other = torch.where((masks == IGNORE)[:, None], 7.0, logits.detach())
    torch.testing.assert_close(loss(other, masks), loss(logits, masks).detach())


def test_every_counted_pixel_teaches_without_a_share():
    logits, masks = random_batch()
    (gradient,) = torch.autograd.grad(cross_entropy_loss(logits, masks), logits)
    assert torch.equal(gradient.abs().sum(1) > 0, masks != IGNORE)


@every_loss
def test_masks_that_are_all_ignored_give_zero_and_no_gradient(loss):
    logits, masks = random_batch(ignored=2.0)
    value = loss(logits, masks)
    assert value == 0
    (gradient,) = torch.autograd.grad(value, logits)
    assert (gradient == 0).all()


@every_loss
def test_short_floats_are_averaged_in_float32(loss):
    logits, masks = random_batch()
    short = logits.detach().bfloat16()
    value = loss(short, masks)
    assert value.dtype == torch.float32
    assert value == loss(short.float(), masks)


@every_loss
def test_the_order_of_the_images_does_not_matter(loss):
    logits, masks = random_batch()
    torch.testing.assert_close(loss(logits.flip(0), masks.flip(0)), loss(logits, masks))


@pytest.mark.parametrize("loss", [dice_loss, lovasz_loss])
def test_classes_that_no_mask_holds_do_not_count(loss):
    logits, masks = from_scores([0.5, 0.25], [0.25, 0.25], [0.25, 0.5]), torch.tensor([[[0, 0]]])
    expected = {dice_loss: 1 - 2 * 0.75 / 2.75, lovasz_loss: 0.75 / 2 + 0.5 / 2}
    assert loss(logits, masks).item() == pytest.approx(expected[loss], rel=1e-6)


@every_loss
def test_a_task_of_one_class_has_nothing_to_learn(loss):
    assert loss(torch.randn(1, 1, 3, 4), torch.zeros(1, 3, 4, dtype=torch.int64)) == 0


def test_losses_of_no_weight_are_left_out_and_others_weighed():
    logits, masks = random_batch()
    losses = segmentation_loss(as_pixels(logits, masks), settings=LossSettings())
    assert losses.keys() == {"pixels"}
    assert losses["pixels"] == cross_entropy_loss(logits, masks)
    settings = LossSettings(ohem=0.3, dice=2.0, lovasz=0.5, label_smoothing=0.1)
    losses = segmentation_loss(as_pixels(logits, masks), settings=settings)
    assert losses["pixels"] == cross_entropy_loss(logits, masks, ohem=0.3, label_smoothing=0.1)
    torch.testing.assert_close(losses["dice"], 2 * dice_loss(logits[:, :, ::2, ::2], masks[:, ::2, ::2]))
    assert losses["lovasz"] == lovasz_loss(logits, masks) / 2


@pytest.mark.parametrize(
    ("field", "value"),
    [("ohem", 0), ("ohem", 1.1), ("dice", -1), ("lovasz", math.inf), ("label_smoothing", 1), ("aux_weight", math.nan)],
)
def test_settings_out_of_range_are_refused(field, value):
    with pytest.raises(ValueError, match=rf"loss\.{field}: {value}; expected"):
        LossSettings(**{field: value})


def test_long_sums_by_class_are_exact():
    generator = torch.Generator().manual_seed(0)
    values, labels = torch.rand(3_000_001, generator=generator), torch.randint(0, 3, (3_000_001,), generator=generator)
    expected = torch.zeros(3, dtype=torch.float64).index_add(0, labels, values.double())
    torch.testing.assert_close(pixel_losses.sum_by_class(values, labels, 3).double(), expected, rtol=1e-6, atol=0)
