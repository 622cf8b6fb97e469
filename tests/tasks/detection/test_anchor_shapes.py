import json
import logging
import math

import pytest
import torch
from omegaconf import OmegaConf
from torchvision.ops import box_iou

from data.errors import InputError
from heads.anchor_layouts import LAYOUTS, AnchorLayout, Shape
from heads.anchors import build_anchors
from tasks.detection.anchor_shapes import expected_iou, fit_shapes, measure_recall
from tasks.models.architecture import Arch
from tasks.models.checkpoint import load_checkpoint
from tasks.models.network import build_model, choose_layout
from tasks.train.command import train
from tests.support.runs import small_run

STRIDES = (16, 32, 64, 128, 256, 512)
ANCHORS = torch.tensor([[0.0, 0, 10, 10], [10, 0, 20, 10]])


def centred(sides, *, at=160.0):
    sides = torch.tensor(sides)
    return torch.cat((at - sides / 2, at + sides / 2), dim=1)


def test_recall_by_hand():
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 4], [10, 0, 20, 5]])  # best IoUs 1, .4, .5
    recall = measure_recall(boxes, torch.tensor([0, 0, 2]), ANCHORS)
    assert recall.share == pytest.approx(2 / 3)
    assert recall.mean_iou == pytest.approx(1.9 / 3)
    assert recall.by_class == {0: 0.5, 2: 1.0}


def test_recall_agrees_with_torchvision_over_many_boxes():
    generator = torch.Generator().manual_seed(0)
    low = torch.rand(1300, 2, generator=generator) * 250  # more than one chunk
    boxes = torch.cat((low, low + 5 + torch.rand(1300, 2, generator=generator) * 65), dim=1)
    anchors = build_anchors((320, 320), strides=STRIDES, layout=LAYOUTS["tensorflow"])
    best = box_iou(boxes, anchors).amax(1)
    recall = measure_recall(boxes, torch.zeros(1300, dtype=torch.int64), anchors)
    assert recall.share == pytest.approx(float((best >= 0.5).float().mean()))
    assert recall.mean_iou == pytest.approx(float(best.mean()), rel=1e-5)


def test_the_expected_iou_of_a_box_on_a_grid_of_no_size_is_that_of_concentric_boxes():
    sides, shapes = torch.tensor([[10.0, 10]]), torch.tensor([[10.0, 10], [10, 5], [20, 20], [5, 20]])
    found = expected_iou(sides, shapes, torch.zeros(4))
    torch.testing.assert_close(found, torch.tensor([[1.0, 0.5, 0.25, 50 / 150]]))


def test_the_expected_iou_is_that_over_all_places_in_a_cell():
    centres = (torch.arange(200) + 0.5) / 200 * 16 - 8  # of a box around an anchor at 0, stride 16
    x, y = torch.meshgrid(centres, centres, indexing="xy")
    boxes = torch.stack((x - 15, y - 10, x + 15, y + 10), dim=-1).reshape(-1, 4)
    exact = box_iou(boxes, torch.tensor([[-12.0, -12, 12, 12]])).mean()
    found = expected_iou(torch.tensor([[30.0, 20]]), torch.tensor([[24.0, 24]]), torch.tensor([16.0]))
    assert found.item() == pytest.approx(exact.item(), abs=0.01)


def test_one_shape_moves_onto_boxes_of_one_shape():
    layout = AnchorLayout(((Shape(0.5, 1.0),),), clip=False)
    boxes = centred([[40.0, 80.0]] * 5)
    ((shape,),) = fit_shapes(boxes, torch.zeros(5).long(), layout=layout, strides=(4,), size=(320, 320))
    assert shape.scale == pytest.approx(math.sqrt(40 * 80) / 320, rel=0.1)
    assert shape.ratio == pytest.approx(0.5, rel=0.1)


def test_each_class_counts_alike_however_few_its_boxes():
    layout = AnchorLayout(((Shape(0.15, 1.0),),), clip=False)
    boxes = centred([[32.0, 32.0]] * 40 + [[64.0, 64.0]] * 26)
    alike, apart = torch.zeros(66).long(), torch.tensor([0] * 60 + [1] * 6)
    ((one,),) = fit_shapes(boxes, alike, layout=layout, strides=(2,), size=(320, 320))
    ((two,),) = fit_shapes(boxes, apart, layout=layout, strides=(2,), size=(320, 320))
    assert one.scale == pytest.approx(0.1, rel=0.1)
    assert two.scale == pytest.approx(0.2, rel=0.1)


def test_shapes_that_no_box_needs_stay_and_no_shape_outgrows_the_image():
    layout = LAYOUTS["tensorflow"]
    boxes = centred([[20.0, 30.0], [25.0, 40.0], [30.0, 30.0]])
    shapes = fit_shapes(boxes, torch.zeros(3).long(), layout=layout, strides=STRIDES, size=(320, 320))
    assert [len(level) for level in shapes] == [3, 6, 6, 6, 6, 6]
    for fitted, own in zip(shapes[2:], layout.levels[2:], strict=True):
        torch.testing.assert_close(torch.tensor(fitted), torch.tensor(own), rtol=1e-3, atol=0)
    whole = fit_shapes(
        centred([[319.0, 319.0]]), torch.zeros(1).long(), layout=layout, strides=STRIDES, size=(320, 320)
    )
    assert max(shape.scale for level in whole for shape in level) <= 1


def test_the_same_boxes_give_the_same_shapes_of_higher_recall():
    generator = torch.Generator().manual_seed(0)
    low = torch.rand(80, 2, generator=generator) * 200
    boxes = torch.cat((low, low + 8 + torch.rand(80, 2, generator=generator) * 40), dim=1)
    labels = torch.randint(0, 3, (80,), generator=generator)
    layout = LAYOUTS["tensorflow"]
    first, second = (fit_shapes(boxes, labels, layout=layout, strides=STRIDES, size=(320, 320)) for _ in range(2))
    assert first == second
    before, after = (
        measure_recall(boxes, labels, build_anchors((320, 320), strides=STRIDES, layout=option))
        for option in (layout, layout._replace(levels=first))
    )
    assert after.mean_iou > before.mean_iou + 0.03


def test_an_arch_with_shapes_of_its_own_builds_the_same_layers():
    shapes = tuple(tuple((0.3, 1.0) for _ in level) for level in LAYOUTS["tensorflow"].levels)
    own, fitted = Arch("ssdlite", "small", 3), Arch("ssdlite", "small", 3, shapes=shapes)
    with torch.device("meta"):
        first, second = (build_model(arch).state_dict() for arch in (own, fitted))
    assert {name: value.shape for name, value in first.items()} == {n: value.shape for n, value in second.items()}
    assert choose_layout(fitted).levels[0][0] == Shape(0.3, 1.0)


@pytest.mark.parametrize("shapes", ["all", (((0.1, 1.0),),), tuple(((0.0, 1.0),) * n for n in (3, 6, 6, 6, 6, 6))])
def test_shapes_that_do_not_fit_the_layout_are_refused(shapes):
    with pytest.raises(ValueError, match=r"model\.shapes: .*expected"):
        Arch("ssdlite", "small", 3, shapes=shapes)


@pytest.mark.slow
@pytest.mark.usefixtures("blank_figures")
def test_a_run_keeps_its_fitted_shapes_in_its_configuration_and_its_checkpoint(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    out = tmp_path / "run"
    train(small_run("ssdlite", out, "model.shapes=data", "trainer.max_epochs=1"))
    assert "anchor recall before they follow the data at IoU" in caplog.text
    description, _ = load_checkpoint(out / "model.safetensors")
    written = OmegaConf.load(out / "config.yaml").model.shapes
    assert json.loads(json.dumps(description.arch.shapes)) == OmegaConf.to_container(written)
    assert description.arch.shapes != LAYOUTS["tensorflow"].levels
    train(small_run("ssdlite", tmp_path / "next", f"weights={out / 'model.safetensors'}", "trainer.max_epochs=1"))
    assert load_checkpoint(tmp_path / "next" / "model.safetensors")[0].arch.shapes == description.arch.shapes


def test_other_words_than_data_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"model\.shapes: 'fit'; expected null, data"):
        train(small_run("ssdlite", tmp_path / "run", "model.shapes=fit"))


def test_shapes_are_refused_where_the_weights_have_their_own(trained, tmp_path):
    out = trained("ssdlite").folder
    with pytest.raises(InputError, match=r"model\.shapes: weights=.*has a head with shapes of its own; expected null"):
        train(small_run("ssdlite", tmp_path / "next", f"weights={out / 'model.safetensors'}", "model.shapes=data"))


def test_shapes_of_clipped_anchors_fit_as_they_are_clipped():
    layout = AnchorLayout(((Shape(1.0, 3.0),),), clip=True)  # 554 x 185, clipped to 320 x 185
    boxes = centred([[320.0, 180.0]])
    ((shape,),) = fit_shapes(boxes, torch.zeros(1).long(), layout=layout, strides=(4,), size=(320, 320))
    anchors = build_anchors((320, 320), strides=(4,), layout=layout._replace(levels=((shape,),)))
    assert box_iou(anchors, boxes).max().item() > 0.95
