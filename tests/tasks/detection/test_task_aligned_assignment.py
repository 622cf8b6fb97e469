import pytest
import torch
from torch.nn import functional as F
from torchvision.ops import box_iou

from heads.anchor_layouts import LAYOUTS
from heads.anchors import build_anchors
from heads.box_coder import decode, encode
from heads.ssdlite import RawDetections
from tasks.detection.iou_assignment import BACKGROUND, IGNORED
from tasks.detection.task_aligned_assignment import align

ANCHORS = torch.tensor([[0.0, 0, 10, 10], [10, 0, 20, 10], [0, 10, 10, 20], [100, 100, 110, 110]])


def predict(scores, *, boxes=ANCHORS, anchors=ANCHORS):
    """Return raw predictions of one image from class scores (A, K) and boxes (A, 4)."""
    logits = torch.tensor(scores, dtype=torch.float32).logit()
    return RawDetections(F.pad(logits, (1, 0))[None], encode(boxes, anchors)[None])


def run(raw, boxes, *, labels=None, crowd=None, anchors=ANCHORS, candidates=13):
    """Assign one image's boxes: lists of A numbers."""
    labels = torch.zeros(len(boxes), dtype=torch.int64) if labels is None else torch.tensor(labels)
    crowd = torch.zeros(len(boxes), dtype=torch.bool) if crowd is None else torch.tensor(crowd)
    boxes = torch.as_tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    found = align(raw, boxes[None], labels[None], crowd[None], anchors, candidates=candidates)
    return found.matches[0].tolist(), [round(value, 4) for value in found.quality[0].tolist()]


def test_one_box_and_four_anchors_by_hand():
    raw = predict([[0.5], [0.2], [0.9], [0.9]])
    # the box holds the centres of anchors 0 and 1, with IoUs of 100 / 200; anchor 2 does not touch it
    matches, quality = run(raw, [[0, 0, 20, 10]])
    assert matches == [0, 0, BACKGROUND, BACKGROUND]
    assert quality == [0.5, 0.2, 0, 0]  # the best as high as its IoU, the other by .2 / .5 of that


def test_the_predicted_box_decides_and_not_the_anchor():
    predicted = ANCHORS.clone()
    predicted[1] = torch.tensor([0.0, 0, 20, 10])  # the box itself
    matches, quality = run(predict([[0.5], [0.5], [0.5], [0.5]], boxes=predicted), [[0, 0, 20, 10]])
    assert matches == [0, 0, BACKGROUND, BACKGROUND]
    assert quality == [0.0156, 1, 0, 0]  # .5^6


def test_a_box_takes_no_more_anchors_than_candidates():
    matches, quality = run(predict([[0.5], [0.6], [0.9], [0.9]]), [[0, 0, 20, 10]], candidates=1)
    assert matches == [BACKGROUND, 0, BACKGROUND, BACKGROUND]
    assert quality == [0, 0.5, 0, 0]


def test_an_anchor_that_two_boxes_want_takes_the_one_that_it_predicts_best():
    matches, _ = run(predict([[0.5, 0.5]] * 4), [[0, 0, 20, 10], [0, 0, 10, 11]], labels=[0, 1])
    assert matches == [1, 0, BACKGROUND, BACKGROUND]


def test_the_score_of_the_boxes_own_class_counts():
    raw = predict([[0.1, 0.8], [0.8, 0.1], [0.5, 0.5], [0.5, 0.5]])
    assert run(raw, [[0, 0, 20, 10]], labels=[0], candidates=1)[0][1] == 0
    assert run(raw, [[0, 0, 20, 10]], labels=[1], candidates=1)[0][0] == 0


def test_a_box_that_holds_no_centre_takes_its_best_anchor_all_the_same():
    assert run(predict([[0.5]] * 4), [[0, 0, 4, 4]])[0] == [0, BACKGROUND, BACKGROUND, BACKGROUND]


def test_crowds_take_nothing_and_background_in_them_is_ignored():
    boxes = [[0, 0, 10, 10], [10, 0, 20, 20]]
    matches, quality = run(predict([[0.5]] * 4), boxes, crowd=[False, True])
    assert matches == [0, IGNORED, BACKGROUND, BACKGROUND]
    assert quality == [1, 0, 0, 0]


def test_padding_takes_nothing():
    matches, quality = run(predict([[0.5]] * 4), [[0, 0, 10, 10], [0, 0, 0, 0]], labels=[0, -1])
    assert matches == [0, BACKGROUND, BACKGROUND, BACKGROUND]
    assert quality == [1, 0, 0, 0]


@pytest.mark.parametrize("g", [0, 2])
def test_images_without_boxes_are_all_background(g):
    raw = RawDetections(torch.zeros(3, 4, 2), torch.zeros(3, 4, 4))
    found = align(raw, torch.zeros(3, g, 4), torch.full((3, g), -1), torch.zeros(3, g).bool(), ANCHORS, candidates=13)
    assert torch.equal(found.matches, torch.full((3, 4), BACKGROUND))
    assert torch.equal(found.quality, torch.zeros(3, 4))


def test_a_batch_of_many_boxes_agrees_with_boxes_taken_one_by_one():
    generator = torch.Generator().manual_seed(0)
    anchors = build_anchors((320, 320), strides=(16, 32, 64, 128, 256, 512), layout=LAYOUTS["tensorflow"])
    low = torch.rand(2, 9, 2, generator=generator) * 200
    boxes = torch.cat((low, low + 12 + torch.rand(2, 9, 2, generator=generator) * 90), dim=-1)
    labels = torch.randint(0, 3, (2, 9), generator=generator)
    raw = RawDetections(
        torch.randn(2, len(anchors), 4, generator=generator), torch.randn(2, len(anchors), 4, generator=generator)
    )
    found = align(raw, boxes, labels, torch.zeros(2, 9).bool(), anchors, candidates=13)
    for image in range(2):
        iou = box_iou(boxes[image], decode(raw.deltas[image], anchors))
        for anchor in (found.matches[image] >= 0).nonzero().squeeze(1)[::5].tolist():
            box = int(found.matches[image, anchor])
            own = found.matches[image] == box
            assert 1 <= own.sum() <= 13
            aligned = raw.class_logits[image, :, 1 + labels[image, box]].sigmoid() * iou[box] ** 6
            expected = aligned[anchor] / aligned[own].max() * iou[box][own].max()
            assert found.quality[image, anchor].item() == pytest.approx(expected.item(), rel=1e-4)
