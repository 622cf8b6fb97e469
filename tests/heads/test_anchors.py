import math

import pytest
import torch
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
from torchvision.models.detection.image_list import ImageList

from heads.anchor_layouts import LAYOUTS, AnchorLayout, Shape
from heads.anchors import build_anchors

STRIDES = (16, 32, 64, 128, 256, 512)
TENSORFLOW, TORCHVISION = LAYOUTS["tensorflow"], LAYOUTS["torchvision"]


def sides(anchors):
    """Return the widths and the heights."""
    return (anchors[:, 2:] - anchors[:, :2]).unbind(1)


@pytest.mark.parametrize(("layout", "count"), [("tensorflow", 2034), ("torchvision", 3234)])
def test_there_are_the_published_number_of_anchors_at_320(layout, count):
    anchors = build_anchors((320, 320), strides=STRIDES, layout=LAYOUTS[layout])
    assert anchors.shape == (count, 4)
    assert anchors.dtype == torch.float32


def test_anchors_per_cell_are_the_published_ones():
    assert TENSORFLOW.per_cell == (3, 6, 6, 6, 6, 6)
    assert TORCHVISION.per_cell == (6,) * 6


def test_the_torchvision_layout_equals_its_default_boxes_at_320():
    generator = DefaultBoxGenerator([[2, 3] for _ in range(6)], min_ratio=0.2, max_ratio=0.95)
    maps = [torch.zeros(1, 1, cells, cells) for cells in (20, 10, 5, 3, 2, 1)]
    (expected,) = generator(ImageList(torch.zeros(1, 3, 320, 320), [(320, 320)]), maps)
    anchors = build_anchors((320, 320), strides=STRIDES, layout=TORCHVISION)
    torch.testing.assert_close(anchors, expected, rtol=0, atol=1e-4)


def test_tensorflows_lowest_level_by_hand():
    anchors = build_anchors((320, 320), strides=STRIDES, layout=TENSORFLOW)
    long, short = 64 * 2**0.5, 64 / 2**0.5  # scale .2 at ratio 2
    first = [
        [8 - 16, 8 - 16, 8 + 16, 8 + 16],
        [8 - long / 2, 8 - short / 2, 8 + long / 2, 8 + short / 2],
        [8 - short / 2, 8 - long / 2, 8 + short / 2, 8 + long / 2],
    ]
    torch.testing.assert_close(anchors[:3], torch.tensor(first))
    right, below = torch.tensor([16.0, 0, 16, 0]), torch.tensor([0, 16.0, 0, 16])
    torch.testing.assert_close(anchors[3:6], torch.tensor(first) + right)
    torch.testing.assert_close(anchors[60:63], torch.tensor(first) + below)


def test_tensorflows_second_level_by_hand():
    anchors = build_anchors((320, 320), strides=STRIDES, layout=TENSORFLOW)[1200:1206]
    width, height = sides(anchors)
    base, between = 0.35 * 320, math.sqrt(0.35 * 0.5) * 320
    root2, root3 = 2**0.5, 3**0.5
    expected = [base, base * root2, base / root2, base * root3, base / root3, between]
    torch.testing.assert_close(width, torch.tensor(expected))
    torch.testing.assert_close(width * height, torch.tensor([base**2] * 5 + [between**2]))
    torch.testing.assert_close((anchors[:, :2] + anchors[:, 2:]) / 2, torch.full((6, 2), 16.0))


def test_tensorflows_coarsest_level_is_one_cell_in_the_middle():
    anchors = build_anchors((320, 320), strides=STRIDES, layout=TENSORFLOW)[-6:]
    torch.testing.assert_close((anchors[:, :2] + anchors[:, 2:]) / 2, torch.full((6, 2), 160.0))
    width, _ = sides(anchors)
    assert width[0] == pytest.approx(0.95 * 320)
    assert width[-1] == pytest.approx(math.sqrt(0.95 * 1.0) * 320)
    assert width.max() == pytest.approx(0.95 * 320 * 3**0.5)  # not clipped


def test_a_tiny_grid_by_hand():
    layout = AnchorLayout(((Shape(0.5, 1.0), Shape(0.5, 4.0)),), clip=False)
    anchors = build_anchors((6, 9), strides=(4,), layout=layout)  # 2 rows of 3 pixels, 3 columns of 3
    square, wide = torch.tensor([-1.5, -1.5, 1.5, 1.5]), torch.tensor([-3.0, -0.75, 3.0, 0.75])
    centers = [(1.5, 1.5), (4.5, 1.5), (7.5, 1.5), (1.5, 4.5), (4.5, 4.5), (7.5, 4.5)]
    expected = [torch.tensor([x, y, x, y]) + shape for x, y in centers for shape in (square, wide)]
    torch.testing.assert_close(anchors, torch.stack(expected))


@pytest.mark.parametrize("size", [(32, 32), (97, 161), (320, 512), (641, 333)])
def test_any_size_has_the_anchors_of_the_rounded_up_maps(size):
    for layout in (TENSORFLOW, TORCHVISION):
        anchors = build_anchors(size, strides=STRIDES, layout=layout)
        cells = [math.ceil(size[0] / stride) * math.ceil(size[1] / stride) for stride in STRIDES]
        assert len(anchors) == sum(c * a for c, a in zip(cells, layout.per_cell, strict=True))
        centers = (anchors[:, :2] + anchors[:, 2:]) / 2
        assert ((centers > 0) & (centers < torch.tensor([size[1], size[0]]))).all()


@pytest.mark.parametrize("size", [(97, 161), (641, 333)])
def test_anchors_keep_their_ratio_in_pixels_whatever_the_image(size):
    anchors = build_anchors(size, strides=STRIDES, layout=TENSORFLOW)
    width, height = sides(anchors)
    ratios = [[shape.ratio for shape in level] for level in TENSORFLOW.levels]
    cells = [math.ceil(size[0] / stride) * math.ceil(size[1] / stride) for stride in STRIDES]
    expected = [ratio for level, count in zip(ratios, cells, strict=True) for ratio in level * count]
    torch.testing.assert_close(width / height, torch.tensor(expected), rtol=1e-4, atol=0)
    assert width[0] == pytest.approx(0.1 * min(size), rel=1e-5)


def test_clipping_limits_the_sides_to_those_of_the_image():
    free = build_anchors((200, 320), strides=STRIDES, layout=TORCHVISION._replace(clip=False))
    clipped = build_anchors((200, 320), strides=STRIDES, layout=TORCHVISION)
    for side, expected, limit in zip(sides(clipped), sides(free), (320, 200), strict=True):
        assert expected.max() > limit
        torch.testing.assert_close(side, expected.clamp(max=limit), rtol=0, atol=1e-4)


@pytest.mark.parametrize("strides", [STRIDES[:-1], (*STRIDES, 1024), ()])
def test_a_wrong_number_of_strides_is_refused(strides):
    with pytest.raises(ValueError, match=f"{len(strides)} strides for 6 anchor levels"):
        build_anchors((320, 320), strides=strides, layout=TENSORFLOW)
