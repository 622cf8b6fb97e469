import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from data.classes import ClassTable
from data.samples import IGNORE
from tasks.description import Description
from tasks.model import Arch
from tasks.preprocessing import Preprocessing
from tasks.segmentation.losses import segmentation_loss
from tasks.segmentation.module import SegmentationModule
from tasks.segmentation.postprocess import pad_to_grid, postprocess


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


def test_masks_are_the_best_class_of_each_pixel():
    logits = torch.tensor([[[[4.0, 0, 1]], [[0, 2, 3]]]])
    assert postprocess(logits, size=(1, 3)).tolist() == [[[0, 1, 1]]]


@pytest.mark.parametrize("size", [(9, 7), (72, 56), (33, 101), (1, 1)])
def test_masks_have_the_size_of_the_label(size):
    logits, _ = random_batch()
    masks = postprocess(logits.detach(), size=size)
    assert masks.shape == (2, *size)
    assert masks.dtype == torch.int64
    expected = F.interpolate(logits, size=size, mode="bilinear", align_corners=False).argmax(1)
    assert torch.equal(masks, expected)


@pytest.mark.parametrize(("side", "padded"), [(32, 33), (33, 33), (256, 257), (384, 385), (769, 769), (1024, 1025)])
def test_sides_are_padded_to_a_multiple_of_the_stride_plus_one(side, padded):
    images = pad_to_grid(torch.ones(1, 3, side, 40), stride=16)
    assert images.shape == (1, 3, padded, 49)
    assert images.sum() == 3 * side * 40


class Ramp(nn.Module):
    """Answers, at each cell of a stride-8 map, the column of the pixel that the cell looks at."""

    def forward(self, images):
        cells = torch.arange(0, images.shape[-1], 8.0)
        rows = len(range(0, images.shape[-2], 8))
        return cells.expand(len(images), 1, rows, len(cells))


@pytest.mark.parametrize("size", [(64, 96), (65, 97), (50, 83)])
def test_logits_lie_where_their_cells_look_at_any_size(size):
    arch = Arch("lraspp", "small", 1, halving="segmentation", output_stride=16)
    classes = ClassTable.create(["road"], [0])
    module = SegmentationModule(Description(arch, classes, Preprocessing(None), None, {"name": "masks"}))
    module.model = Ramp()
    logits = module(torch.zeros(2, 3, *size, dtype=torch.uint8))
    expected = torch.arange(float(size[1])).expand(2, 1, *size)
    torch.testing.assert_close(logits, expected, atol=1e-3, rtol=0)
