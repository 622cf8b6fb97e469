"""Weights of a whole backbone start networks whose channels behind C4 are halved."""

import logging

import pytest
import torch
from torchvision.models import mobilenet_v3_large, mobilenet_v3_small

from data.classes import ClassTable
from data.errors import InputError
from tasks.models.checkpoint import save_safetensors
from tasks.models.network import build_model
from tasks.models.pretrained.loading import adopt, load_weights, read_weights
from tasks.train.freezing import freeze_model
from tests.support.random_weights import copy_by_order, randomize
from tests.support.starts import describe_run, save, start

PETS = ClassTable.create(["cat", "dog"], [0, 1])


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["task=ssdlite"], {"expand", "depthwise", "se"}),
        (["task=lraspp", "dataset=cityscapes"], set()),
    ],
)
def test_rows_that_are_not_halved_are_those_of_the_weights(options, part, tmp_path, caplog):
    theirs = randomize(mobilenet_v3_large())
    with caplog.at_level(logging.INFO):
        _, model = start(save(theirs, tmp_path / "a.pth"), describe_run(*options))
    whole = copy_by_order(theirs, build_model(describe_run("task=classify", classes=CLASSES_OF_IMAGENET).arch))
    expected, found = whole.backbone.state_dict(), model.backbone.state_dict()
    equal = {name for name, value in found.items() if value.shape == expected[name].shape and value.ndim}
    equal = {name for name in equal if torch.equal(found[name], expected[name])}
    rows = {int(name.split(".")[1]) for name in equal if name.startswith("blocks.")}
    assert rows == set(range(12 + bool(part)))
    assert {name.split(".")[2] for name in equal if name.startswith("blocks.12.")} == part
    assert all(name in equal for name in found if name.startswith(("stem.", "blocks.11.")) and found[name].ndim)
    assert not any(name.startswith("last.") for name in equal)
    assert "row 14       new" in caplog.text
    assert "stem to row 12" in caplog.text


CLASSES_OF_IMAGENET = ClassTable.create([str(k) for k in range(1000)], range(1000))


def test_a_layer_of_which_one_tensor_fits_is_not_carried_over(tmp_path):
    """In row 13 of a detector the projection has new weights, and so its norm begins anew."""
    description = describe_run("task=ssdlite")
    _, model = start(save(randomize(mobilenet_v3_large()), tmp_path / "a.pth"), description)
    assert (model.backbone.blocks[12].project.norm.weight == 1).all()
    assert not (model.backbone.blocks[12].depthwise.norm.weight == 1).any()


@pytest.mark.parametrize("freeze", ["13", "backbone"])
def test_what_is_new_is_not_frozen(freeze, tmp_path):
    description = describe_run("task=ssdlite")
    weights = read_weights(save(mobilenet_v3_large(), tmp_path / "a.pth"), description.arch)
    adopted = adopt(weights, description)
    model = build_model(adopted.arch)
    new = load_weights(model, weights, adopted)
    freeze_model(model, "12", new=new)
    assert not model.backbone.blocks[11].project.conv.weight.requires_grad
    with pytest.raises(InputError, match=rf"freeze={freeze}: backbone\.blocks\.12\.project\.conv\.weight is new"):
        freeze_model(model, freeze, new=new)


def test_heads_of_the_same_kind_with_another_tail_are_refused_as_before(tmp_path):
    whole = describe_run("task=ssdlite", "backbone=small", "model.halving=none")
    path = tmp_path / "model.safetensors"
    save_safetensors(path, whole, build_model(whole.arch).state_dict())
    with pytest.raises(InputError, match=r"model\.halving: 'none' in the weights, 'detection' here"):
        start(str(path), describe_run("task=ssdlite", "backbone=small"))


@pytest.mark.parametrize("halving", ["none", "detection"])
def test_a_classifier_of_ours_starts_a_detector(halving, tmp_path):
    own = describe_run("task=classify", "backbone=small", f"model.halving={halving}", classes=PETS)
    path, classifier = tmp_path / "model.safetensors", randomize(build_model(own.arch))
    save_safetensors(path, own, classifier.state_dict())
    _, model = start(str(path), describe_run("task=ssdlite", "backbone=small"))
    ours, theirs = model.backbone.state_dict(), classifier.backbone.state_dict()
    last = "last.conv.weight"
    assert torch.equal(ours["blocks.7.project.conv.weight"], theirs["blocks.7.project.conv.weight"])
    assert (ours[last].shape == theirs[last].shape and torch.equal(ours[last], theirs[last])) == (halving != "none")


def test_a_classifier_of_other_classes_keeps_its_hidden_layer(tmp_path, caplog):
    theirs = randomize(mobilenet_v3_small())
    with caplog.at_level(logging.INFO):
        _, model = start(
            save(theirs, tmp_path / "a.pth"), describe_run("task=classify", "backbone=small", classes=PETS)
        )
    assert torch.equal(model.head.hidden.weight.flatten(1), theirs.classifier[0].weight)
    assert model.head.classify.weight.shape == (2, 1024, 1, 1)
    assert "1000 classes without names: the layer of the classes is new" in caplog.text


def test_a_classifier_of_as_many_classes_is_taken_whole(tmp_path):
    theirs = randomize(mobilenet_v3_small(num_classes=2))
    _, model = start(save(theirs, tmp_path / "a.pth"), describe_run("task=classify", "backbone=small", classes=PETS))
    assert torch.equal(model.head.classify.weight.flatten(1), theirs.classifier[3].weight)


def test_classes_with_names_are_carried_over_by_name(tmp_path):
    own = describe_run("task=classify", "backbone=small", classes=ClassTable.create(["cow", "cat"], [0, 1]))
    path, theirs = tmp_path / "model.safetensors", randomize(build_model(own.arch))
    save_safetensors(path, own, theirs.state_dict())
    _, model = start(str(path), describe_run("task=classify", "backbone=small", classes=PETS))
    assert torch.equal(model.head.classify.weight[0], theirs.head.classify.weight[1])
    assert not torch.equal(model.head.classify.weight[1], theirs.head.classify.weight[0])
