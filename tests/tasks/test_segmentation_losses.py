import math

import pytest
import torch
from torch.nn import functional as F

from data.samples import IGNORE
from tasks.segmentation.losses import segmentation_loss
from tasks.segmentation.postprocess import postprocess


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
    assert segmentation_loss(logits, masks).item() == pytest.approx(expected, rel=1e-6)


def test_the_loss_equals_torchs_mean():
    logits, masks = random_batch()
    torch.testing.assert_close(segmentation_loss(logits, masks), F.cross_entropy(logits, masks, ignore_index=IGNORE))


def test_ignored_pixels_teach_nothing():
    logits, masks = random_batch()
    (gradient,) = torch.autograd.grad(segmentation_loss(logits, masks), logits)
    pulled = gradient.abs().sum(1) > 0
    assert torch.equal(pulled, masks != IGNORE)


def test_masks_that_are_all_ignored_give_zero_and_no_gradient():
    logits, masks = random_batch(ignored=2.0)
    loss = segmentation_loss(logits, masks)
    assert loss == 0
    (gradient,) = torch.autograd.grad(loss, logits)
    assert (gradient == 0).all()


def test_short_floats_are_averaged_in_float32():
    logits, masks = random_batch()
    short = logits.detach().bfloat16()
    loss = segmentation_loss(short, masks)
    assert loss.dtype == torch.float32
    assert loss == segmentation_loss(short.float(), masks)


def test_masks_are_the_best_class_after_resizing_by_hand():
    logits = torch.tensor([[[[4.0, 0]], [[0, 2]]]])  # equal at a third of the way to class 1... from the right
    expected = [0, 0, 0, 0, 0, 1, 1]  # along t = 0, 1/6, ... 1: 4 - 4 t against 2 t, even at t = 2/3
    mask = postprocess(logits + torch.tensor([0.001, 0])[:, None, None], size=(2, 7))
    assert mask.tolist() == [[expected, expected]]


@pytest.mark.parametrize("size", [(9, 7), (72, 56), (33, 101), (1, 1)])
def test_masks_have_the_size_of_the_label(size):
    logits, _ = random_batch()
    masks = postprocess(logits, size=size)
    assert masks.shape == (2, *size)
    assert masks.dtype == torch.int64
    expected = F.interpolate(logits, size=size, mode="bilinear", align_corners=True).argmax(1)
    assert torch.equal(masks, expected)


def test_masks_of_short_floats_are_resized_in_float32():
    logits, _ = random_batch()
    short = logits.bfloat16()
    assert torch.equal(postprocess(short, size=(90, 70)), postprocess(short.float(), size=(90, 70)))
