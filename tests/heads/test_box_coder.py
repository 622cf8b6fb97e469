import math

import pytest
import torch
from torchvision.models.detection._utils import BoxCoder

from heads.box_coder import decode, encode

ANCHOR = torch.tensor([[0.0, 0, 10, 20]])


def random_boxes(count, seed):
    """Return boxes with sides of 5 to 205 pixels; decoding limits a side to 62.5 times the anchor's."""
    generator = torch.Generator().manual_seed(seed)
    low = torch.rand(count, 2, generator=generator) * 300
    return torch.cat((low, low + 5 + torch.rand(count, 2, generator=generator) * 200), dim=1)


def test_offsets_by_hand():
    box = torch.tensor([[5.0, 10, 15, 20]])  # the centre moves by half a width and a quarter of a height
    expected = torch.tensor([[10 * 0.5, 10 * 0.25, 0, 5 * math.log(0.5)]])
    torch.testing.assert_close(encode(box, ANCHOR), expected)


def test_boxes_by_hand():
    deltas = torch.tensor([[10.0, -5, 5 * math.log(2), 0], [0, 0, 0, 0]])
    expected = torch.tensor([[5.0, -10, 25, 10], [0, 0, 10, 20]])  # centre (15, 0), sides 20 x 20; the anchor itself
    torch.testing.assert_close(decode(deltas, ANCHOR), expected)


def test_decoding_undoes_encoding():
    boxes, anchors = random_boxes(500, 0), random_boxes(500, 1)
    torch.testing.assert_close(decode(encode(boxes, anchors), anchors), boxes, rtol=0, atol=1e-3)


def test_a_batch_is_coded_image_by_image():
    anchors, boxes = random_boxes(20, 0), torch.stack([random_boxes(20, 1), random_boxes(20, 2)])
    deltas = encode(boxes, anchors)
    assert torch.equal(deltas, torch.stack([encode(image, anchors) for image in boxes]))
    assert torch.equal(decode(deltas, anchors)[1], decode(deltas[1], anchors))


def test_offsets_equal_those_of_torchvision():
    boxes, anchors = random_boxes(500, 2), random_boxes(500, 3)
    coder = BoxCoder(weights=(10.0, 10.0, 5.0, 5.0))
    torch.testing.assert_close(encode(boxes, anchors), coder.encode_single(boxes, anchors), rtol=1e-4, atol=1e-4)


def test_boxes_equal_those_of_torchvision_wild_predictions_included():
    deltas, anchors = torch.randn(500, 4, generator=torch.Generator().manual_seed(0)) * 15, random_boxes(500, 4)
    assert (deltas[:, 2:] / 5 > math.log(1000 / 16)).any()
    coder = BoxCoder(weights=(10.0, 10.0, 5.0, 5.0))
    torch.testing.assert_close(decode(deltas, anchors), coder.decode_single(deltas, anchors), rtol=1e-5, atol=1e-2)


@pytest.mark.parametrize("value", [1e4, 3e38, -1e4])
def test_wild_predictions_stay_finite(value):
    box = decode(torch.tensor([[0, 0, value, value]]), ANCHOR)
    assert box.isfinite().all()
    factor = 62.5 if value > 0 else 0.0  # of the anchor's sides
    torch.testing.assert_close(box[0, 2:] - box[0, :2], torch.tensor([10 * factor, 20 * factor]))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_short_floats_are_decoded_in_float32(dtype):
    deltas, anchors = torch.randn(50, 4, generator=torch.Generator().manual_seed(0)).to(dtype), random_boxes(50, 5)
    boxes = decode(deltas, anchors)
    assert boxes.dtype == torch.float32
    assert torch.equal(boxes, decode(deltas.float(), anchors))
