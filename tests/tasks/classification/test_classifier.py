"""A classifier in use: images in, probabilities out."""

from dataclasses import replace

import pytest
import torch
from torchvision.models import mobilenet_v3_small
from torchvision.ops import StochasticDepth

from data.classes import ClassTable
from data.config import DatasetConfig
from data.errors import InputError
from tasks.classification.classifier import Classifier
from tasks.classification.settings import Regularization
from tasks.models.architecture import Arch
from tasks.models.description import Description
from tasks.models.network import build_model
from tasks.models.postprocessing import Postprocessing
from tasks.models.preprocessing import Preprocessing
from tests.support.peers import show_images
from tests.support.random_weights import copy_by_order, randomize

NAMES = ["cat", "dog", "cow"]
DESCRIPTION = Description(
    Arch("classifier", "small", 3),
    ClassTable.create(NAMES, range(3)),
    Preprocessing((64, 96), mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
    None,
    DatasetConfig("folder", "data", "train", "val"),
)


@torch.no_grad()
def test_probabilities_are_those_of_torchvisions_network():
    theirs = randomize(mobilenet_v3_small(num_classes=3))
    ours = Classifier(DESCRIPTION).eval()
    copy_by_order(theirs, ours)
    images = show_images((64, 96), scenes=3)
    mean, std = (torch.tensor(values).reshape(3, 1, 1) for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    expected = theirs((images / 255 - mean) / std)
    torch.testing.assert_close(ours.raw(images), expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(ours(images), expected.softmax(1), rtol=1e-4, atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("scores", ["softmax", "sigmoid"])
def test_an_image_alone_gives_what_it_gives_in_a_batch(scores):
    model = randomize(Classifier(replace(DESCRIPTION, arch=Arch("classifier", "small", 3, scores=scores))))
    images = show_images((64, 96), scenes=3)
    found = model(images)
    assert found.shape == (4, 3)
    for index, image in enumerate(images):
        torch.testing.assert_close(model(image[None])[0], found[index], rtol=1e-4, atol=1e-5)
    assert bool(((found.sum(1) - 1).abs() < 1e-5).all()) == (scores == "softmax")


def test_blocks_are_left_out_in_training_alone_and_weights_keep_their_names():
    plain = Classifier(DESCRIPTION)
    dropping = Classifier(DESCRIPTION, regularization=Regularization(dropout=0.5, drop_path=0.2))
    assert list(plain.state_dict()) == list(dropping.state_dict()) == list(build_model(DESCRIPTION.arch).state_dict())
    assert (plain.head.dropout.p, dropping.head.dropout.p) == (0.2, 0.5)
    shares = [layer.p for layer in dropping.modules() if isinstance(layer, StochasticDepth)]
    residual = [number for number, block in enumerate(dropping.backbone.blocks, start=1) if block.residual]
    assert shares == pytest.approx([0.2 * number / 11 for number in residual])
    dropping.load_state_dict(plain.state_dict())
    images = show_images((64, 96))
    with torch.no_grad():
        assert torch.equal(plain.eval()(images), dropping.eval()(images))


def test_blocks_of_other_networks_are_not_left_out():
    description = replace(DESCRIPTION, arch=Arch("classifier", "mobilenetv2", 3))
    with pytest.raises(InputError, match=r"regularization\.drop_path: 0\.1; expected 0, as MobileNetV3 alone has it"):
        Classifier(description, regularization=Regularization(drop_path=0.1))


@pytest.mark.parametrize(
    ("backbone", "hidden"),
    [("mobilenetv1", None), ("mobilenetv2", None), ("mnasnet_a1", None), ("mobilenetv4_conv_small", 1280)],
)
def test_every_backbone_classifies(backbone, hidden):
    model = Classifier(replace(DESCRIPTION, arch=Arch("classifier", backbone, 3))).eval()
    assert getattr(model.head.hidden, "out_channels", None) == hidden
    with torch.no_grad():
        assert model(show_images((64, 96))).shape[1] == 3


def test_what_describes_no_classifier_is_refused():
    detector = replace(DESCRIPTION, arch=Arch("ssdlite", "small", 3), postprocessing=Postprocessing())
    with pytest.raises(ValueError, match="a classifier needs the head classifier; got ssdlite"):
        Classifier(detector)
