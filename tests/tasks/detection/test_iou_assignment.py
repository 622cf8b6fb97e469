import pytest
import torch
from torchvision.models.detection._utils import SSDMatcher
from torchvision.ops import box_iou

from heads.anchor_layouts import LAYOUTS
from heads.anchors import build_anchors
from tasks.detection.iou_assignment import BACKGROUND, IGNORED, match, overlaps

ANCHORS = torch.tensor([[0.0, 0, 10, 10], [10, 0, 20, 10], [0, 10, 10, 20], [100, 100, 110, 110]])


def run(boxes, *, labels=None, crowd=None, anchors=ANCHORS, **options):
    """Match one image's boxes; returns a list of A numbers."""
    labels = torch.zeros(len(boxes), dtype=torch.int64) if labels is None else torch.tensor(labels)
    crowd = torch.zeros(len(boxes), dtype=torch.bool) if crowd is None else torch.tensor(crowd)
    boxes = torch.as_tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    return match(boxes[None], labels[None], crowd[None], anchors, **options).matches[0].tolist()


def random_boxes(count, generator, *, size=320):
    sides = torch.rand(count, 2, generator=generator) * size * 0.6 + 8
    low = torch.rand(count, 2, generator=generator) * (size - sides)
    return torch.cat((low, low + sides), dim=1)


def test_three_boxes_and_four_anchors_by_hand():
    boxes = [
        [0, 2, 10, 12],  # IoU 80 / 120 with anchor 0 and 20 / 180 with anchor 2
        [12, 0, 20, 10],  # 80 / 100 with anchor 1
        [0, 14, 10, 24],  # 60 / 140 with anchor 2, below the threshold but its best
    ]
    iou, cover = overlaps(torch.tensor([boxes], dtype=torch.float32), ANCHORS)
    expected = [[80 / 120, 0, 20 / 180, 0], [0, 80 / 100, 0, 0], [0, 0, 60 / 140, 0]]
    torch.testing.assert_close(iou, torch.tensor([expected]))
    torch.testing.assert_close(cover, torch.tensor([[[0.8, 0, 0.2, 0], [0, 0.8, 0, 0], [0, 0, 0.6, 0]]]))
    assert run(boxes) == [0, 1, 2, BACKGROUND]


def test_an_anchor_takes_the_box_that_it_overlaps_most():
    anchors = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 10, 6]])
    # IoUs of box 0: 1, .9, .6; of box 1: .7, 7 / 9, 6 / 7, so that anchor 2 is forced and anchor 1 goes to box 0
    assert run([[0, 0, 10, 10], [0, 0, 10, 7]], anchors=anchors) == [0, 0, 1]


@pytest.mark.parametrize(("threshold", "expected"), [(0.79, 0), (0.81, BACKGROUND)])
def test_the_threshold_decides_over_further_anchors(threshold, expected):
    anchors = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 8]])  # IoU 1 and .8
    assert run([[0, 0, 10, 10]], anchors=anchors, iou_threshold=threshold) == [0, expected]


def test_an_overlap_of_exactly_the_threshold_matches():
    anchors = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 5]])
    assert run([[0, 0, 10, 10]], anchors=anchors, iou_threshold=0.5) == [0, 0]


def test_two_identical_boxes_both_keep_an_anchor():
    matches = run([[0, 2, 10, 12], [0, 2, 10, 12]])
    assert matches == [0, BACKGROUND, 1, BACKGROUND]


def test_two_boxes_that_like_one_anchor_both_keep_one():
    # box 0 is anchor 0 itself; box 1 has IoU 80 / 120 with it and 20 / 180 with anchor 2
    assert run([[0, 0, 10, 10], [0, 2, 10, 12]]) == [0, BACKGROUND, 1, BACKGROUND]


def test_each_box_keeps_at_least_one_anchor_in_a_crowded_image():
    generator = torch.Generator().manual_seed(0)
    anchors = build_anchors((320, 320), strides=(16, 32, 64, 128, 256, 512), layout=LAYOUTS["tensorflow"])
    boxes = random_boxes(1, generator).repeat(40, 1) + torch.rand(40, 1, generator=generator)
    assert set(range(40)) <= set(run(boxes, anchors=anchors))


def test_a_box_that_overlaps_nothing_takes_nothing():
    assert run([[50, 50, 60, 60]]) == [BACKGROUND] * 4


def test_background_inside_a_crowd_is_ignored():
    crowd = [0, 0, 20, 14]  # covers anchors 0 and 1, and .4 of anchor 2
    assert run([crowd], crowd=[True]) == [IGNORED, IGNORED, BACKGROUND, BACKGROUND]


def test_a_crowd_takes_no_anchor_and_no_match_away():
    boxes = [[0, 0, 10, 10], [10, 0, 20, 10]]  # equal to anchors 0 and 1
    assert run(boxes, crowd=[False, True]) == [0, IGNORED, BACKGROUND, BACKGROUND]
    assert run([boxes[0], [0, 0, 20, 20]], crowd=[False, True]) == [0, IGNORED, IGNORED, BACKGROUND]


def test_padding_never_matches():
    boxes = [[0, 0, 10, 10], [10, 0, 20, 10], [0, 0, 0, 0]]
    assert run(boxes, labels=[3, -1, -1]) == [0, BACKGROUND, BACKGROUND, BACKGROUND]
    assert run(boxes, labels=[-1, -1, -1]) == [BACKGROUND] * 4


def test_a_batch_without_boxes_is_all_background():
    found = match(torch.zeros(2, 0, 4), torch.zeros(2, 0).long(), torch.zeros(2, 0).bool(), ANCHORS)
    assert torch.equal(found.matches, torch.full((2, 4), BACKGROUND))
    assert torch.equal(found.quality, torch.zeros(2, 4))


def test_a_batch_is_matched_image_by_image():
    generator = torch.Generator().manual_seed(0)
    anchors = build_anchors((320, 320), strides=(16, 32, 64, 128, 256, 512), layout=LAYOUTS["tensorflow"])
    counts, boxes = [0, 1, 7, 12], torch.zeros(4, 12, 4)
    labels, crowd = torch.full((4, 12), -1), torch.zeros(4, 12, dtype=torch.bool)
    for image, count in enumerate(counts):
        boxes[image, :count] = random_boxes(count, generator)
        labels[image, :count] = 1
        crowd[image, 2:count:3] = True
    together, quality = match(boxes, labels, crowd, anchors)
    assert torch.equal(quality, (together >= 0).float())
    for image, count in enumerate(counts):
        alone = run(boxes[image, :count], crowd=crowd[image, :count].tolist(), anchors=anchors)
        assert together[image].tolist() == alone
    assert {BACKGROUND, IGNORED, 0, 1, 3} <= set(together[3].tolist())


@pytest.mark.parametrize("seed", range(5))
def test_matches_equal_those_of_torchvision_where_no_two_boxes_want_one_anchor(seed):
    generator = torch.Generator().manual_seed(seed)
    anchors = build_anchors((320, 320), strides=(16, 32, 64, 128, 256, 512), layout=LAYOUTS["torchvision"])
    boxes = random_boxes(30, generator)
    best = box_iou(boxes, anchors).argmax(dim=1)
    boxes = boxes[[int((best == anchor).nonzero()[0]) for anchor in best.unique()]]  # one box for each wanted anchor
    expected = SSDMatcher(0.5)(box_iou(boxes, anchors))
    assert len(boxes) > 20
    assert run(boxes, anchors=anchors) == expected.tolist()
