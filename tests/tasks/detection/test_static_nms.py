import pytest
import torch
from torchvision.ops import batched_nms

from tasks.detection.static_nms import find_kept, pairwise_iou, rank_in_class

ROW = torch.tensor([[[0.0, 0, 10, 10], [0, 0, 10, 8], [20, 20, 30, 30]]])  # the second lies in the first


def test_overlap_by_hand():
    overlap = pairwise_iou(ROW)[0]
    assert overlap[0].tolist() == pytest.approx([1.0, 0.8, 0.0])
    assert overlap[2].tolist() == pytest.approx([0.0, 0.0, 1.0])


def test_a_box_in_a_better_one_of_its_class_falls():
    assert find_kept(ROW, torch.zeros(1, 3), iou_threshold=0.6).tolist() == [[1, 0, 1]]


def test_a_box_in_a_better_one_of_another_class_stays():
    assert find_kept(ROW, torch.tensor([[0.0, 1.0, 0.0]]), iou_threshold=0.6).tolist() == [[1, 1, 1]]


def test_a_box_of_no_area_harms_nobody():
    boxes = torch.tensor([[[5.0, 5, 5, 5], [5, 5, 5, 5], [0, 0, 10, 10]]])
    assert find_kept(boxes, torch.zeros(1, 3), iou_threshold=0.6).tolist() == [[1, 1, 1]]


def test_a_box_that_a_fallen_one_overlaps_stays():
    steps = torch.arange(12.0) * 2  # each overlaps its neighbours by 8 / 12, and nobody else by more than half
    boxes = torch.stack((steps, torch.zeros(12), steps + 10, torch.ones(12) * 10), dim=1)[None]
    assert find_kept(boxes, torch.zeros(1, 12), iou_threshold=0.6).tolist() == [[1, 0] * 6]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("iou_threshold", [0.3, 0.6])
def test_crowded_boxes_as_torchvision_keeps_them(seed, iou_threshold):
    generator = torch.Generator().manual_seed(seed)
    corner, side = torch.rand(300, 2, generator=generator) * 60, torch.rand(300, 2, generator=generator) * 40 + 5
    boxes, labels = torch.cat((corner, corner + side), 1), torch.randint(0, 3, (300,), generator=generator)
    scores = torch.linspace(1, 0, 300)
    kept = batched_nms(boxes.double(), scores.double(), labels, iou_threshold).sort().values
    found = find_kept(boxes[None], labels[None].float(), iou_threshold=iou_threshold)[0]
    assert 20 < len(kept) < 290
    assert found.nonzero().squeeze(1).tolist() == kept.tolist()


def test_ranks_count_within_a_class():
    assert rank_in_class(torch.tensor([[0.0, 1.0, 0.0, 0.0, 1.0]])).tolist() == [[1, 1, 2, 3, 2]]
