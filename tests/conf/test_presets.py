"""The conventions of TensorFlow and of torchvision, each as one word on the command line."""

import pytest
import torch
from torch import nn
from torchvision.models.detection import ssdlite320_mobilenet_v3_large
from torchvision.models.segmentation import LRASPP_MobileNet_V3_Large_Weights, lraspp_mobilenet_v3_large

from data.classes import ClassTable
from data.formats.cityscapes import CITYSCAPES_CLASSES
from tasks.loaders import build_eval_loader
from tasks.models.network import build_model
from tests.support.listed import Listed
from tests.support.runs import describe, load_config

COCO = ClassTable.create([f"class {index}" for index in range(90)], range(1, 91))


def describe_task(task, classes, *overrides):
    return describe(load_config("train", f"task={task}", *overrides), classes)


def norms_of(module):
    return {(layer.eps, layer.momentum) for layer in module.modules() if isinstance(layer, nn.BatchNorm2d)}


def test_torchvisions_detector_has_its_numbers():
    theirs = ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None)
    ours = describe_task("ssdlite_torchvision", COCO)
    settings, model = ours.postprocessing, build_model(ours.arch)
    assert settings.score_threshold == theirs.score_thresh
    assert settings.iou_threshold == theirs.nms_thresh
    assert settings.max_detections == theirs.detections_per_img
    assert settings.per_class == theirs.topk_candidates
    assert list(ours.preprocessing.mean) == theirs.transform.image_mean
    assert list(ours.preprocessing.std) == theirs.transform.image_std
    assert ours.preprocessing.size == theirs.transform.fixed_size[::-1]
    assert norms_of(model) == norms_of(theirs)
    assert list(model.head.layout.per_cell) == theirs.anchor_generator.num_anchors_per_location()
    assert ours.arch.scores == "softmax"


def test_torchvisions_detector_learns_as_there():
    theirs = ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None)
    loss = load_config("train", "task=ssdlite_torchvision").recipe.own.loss
    assert loss.matching_iou == theirs.proposal_matcher.high_threshold
    assert (loss.box_weight, loss.min_negatives) == (1.0, 0)
    assert theirs.neg_to_pos_ratio == 3


def test_tensorflows_detector_has_the_numbers_of_its_published_configuration():
    ours = describe_task("ssdlite_tensorflow", COCO)
    settings, model = ours.postprocessing, build_model(ours.arch)
    assert (settings.score_threshold, settings.iou_threshold, settings.max_detections) == (1e-8, 0.6, 100)
    assert settings.per_class is None
    assert (ours.arch.scores, ours.arch.padding, ours.arch.halving) == ("sigmoid", "same", "detection")
    assert len(model.head.anchors((320, 320))) == 2034
    assert norms_of(model) == {(0.001, 0.03)}  # decay .97
    assert ours.preprocessing.mean == ours.preprocessing.std == (0.5, 0.5, 0.5)  # [-1, 1]
    loss = load_config("train", "task=ssdlite_tensorflow").recipe.own.loss
    assert (loss.matching_iou, loss.box_weight) == (0.5, 0.25)


def test_the_default_detector_differs_from_tensorflows_in_loss_padding_and_limits_alone():
    default, tensorflow = describe_task("ssdlite", COCO).to_dict(), describe_task("ssdlite_tensorflow", COCO).to_dict()
    changed = {key for key, value in default["arch"].items() if tensorflow["arch"][key] != value}
    assert changed == {"padding"}
    assert sum(p.numel() for p in build_model(describe_task("ssdlite", COCO).arch).parameters()) == sum(
        p.numel() for p in build_model(describe_task("ssdlite_tensorflow", COCO).arch).parameters()
    )


def test_torchvisions_segmenter_has_its_numbers():
    theirs = lraspp_mobilenet_v3_large(weights=None, weights_backbone=None)
    preset = LRASPP_MobileNet_V3_Large_Weights.COCO_WITH_VOC_LABELS_V1.transforms()
    voc = ClassTable.create([f"class {index}" for index in range(21)], range(21))
    ours = describe_task("lraspp_torchvision", voc)
    model = build_model(ours.arch)
    assert [ours.preprocessing.size] == preset.resize_size
    assert list(ours.preprocessing.mean) == preset.mean
    assert list(ours.preprocessing.std) == preset.std
    assert ours.preprocessing.resize == "antialias"
    assert sum(p.numel() for p in model.parameters()) == sum(p.numel() for p in theirs.parameters()) == 3_221_538
    assert norms_of(model.backbone) == norms_of(theirs.backbone)
    ours_dilated = [layer.dilation for layer in model.backbone.modules() if isinstance(layer, nn.Conv2d)]
    assert ours_dilated == [layer.dilation for layer in theirs.backbone.modules() if isinstance(layer, nn.Conv2d)]


@pytest.mark.parametrize(
    ("options", "millions"),
    [  # arXiv:1905.02244, Table 7
        (("task=lraspp",), 1.51),
        (("task=lraspp", "model.filters=256"), 1.63),
        (("task=lraspp", "backbone=small"), 0.47),
        (("task=lraspp", "model.output_stride=32"), 1.51),
        (("task=raspp", "model.halving=none"), 3.60),
        (("task=raspp",), 1.76),
        (("task=raspp", "backbone=mobilenetv2"), 2.11),
    ],
)
def test_the_papers_segmenters_are_configurations(options, millions):
    arch = describe(load_config("train", *options, "dataset=cityscapes"), CITYSCAPES_CLASSES).arch
    with torch.device("meta"):
        model = build_model(arch)
    assert round(sum(p.numel() for p in model.parameters()) / 1e6, 2) == millions


def test_the_normalisation_is_an_option():
    ours = describe_task("lraspp", COCO, "dataset=cityscapes", "preprocessing.mean=[0.4,0.4,0.4]")
    assert ours.preprocessing.mean == (0.4, 0.4, 0.4)
    assert build_eval_loader(Listed(), ours, batch_size=1, workers=0).dataset.forms[0].rule == "area"
