"""Which rows of which classes a model takes from weights, and what it takes from an earlier run."""

import logging
from pathlib import Path

import pytest
import torch

from data.classes import ClassTable
from data.errors import InputError
from tasks.models.checkpoint import save_safetensors
from tasks.models.description import Description
from tasks.models.network import Model, build_model
from tests.support.starts import PLAIN, build_detector, build_segmenter, describe_run, save, start


def predictor_rows(bias: torch.Tensor, slots: int) -> torch.Tensor:
    return bias.reshape(6, slots)  # six anchors at each cell


def test_rows_of_classes_of_the_same_name_are_carried_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    peer = build_detector()
    for predictor in peer.head.classification_head.module_list:
        torch.nn.init.normal_(predictor[1].bias)
    description = describe_run("task=ssdlite_torchvision", "backbone=large")
    with caplog.at_level(logging.INFO):
        adopted, model = start(save(peer, tmp_path / "a.pth"), description)
    torch.manual_seed(1)
    fresh = build_model(adopted.arch)
    for level in range(6):
        theirs = predictor_rows(peer.head.classification_head.module_list[level][1].bias, 91)
        found, new = (predictor_rows(m.head.class_predictors[level][1].bias, 4) for m in (model, fresh))
        assert torch.equal(found[:, [0, 1, 3]], theirs[:, [0, 1, 3]])  # background, person, car
        assert torch.equal(found[:, 2], new[:, 2])  # rider
        boxes = peer.head.regression_head.module_list[level][1].weight
        assert torch.equal(model.head.box_predictors[level][1].weight, boxes)
    table = caplog.text[caplog.text.index("other classes") :]
    assert table.splitlines()[1:] == [
        "  person  carried over",
        "  rider   new",
        "  car     carried over",
        "  and 88 classes of the weights that are not here",
    ]


def test_rows_of_a_segmenter_are_carried_over_too(tmp_path: Path) -> None:
    peer = build_segmenter()
    classes = ClassTable.create(["car", "sky", "background"], [1, 2, 3])  # 7 and 0 in VOC's list
    description = describe_run("task=lraspp_torchvision", "dataset=cityscapes", "backbone=large", classes=classes)
    _, model = start(save(peer, tmp_path / "a.pth"), description)
    for ours, theirs in (("classify", "high_classifier"), ("classify_skip", "low_classifier")):
        found, expected = getattr(model.head, ours), getattr(peer.classifier, theirs)
        assert torch.equal(found.weight[[0, 2]], expected.weight[[7, 0]])
        assert torch.equal(found.bias[[0, 2]], expected.bias[[7, 0]])
        assert not torch.isclose(found.weight[1], expected.weight).all(1).any()


def test_another_number_of_classes_without_names_is_refused(tmp_path: Path) -> None:
    source = save(build_detector(slots=6), tmp_path / "a.pth")
    with pytest.raises(InputError, match=r"5 classes without names, 3 here"):
        start(source, describe_run("task=ssdlite_torchvision", "backbone=large"))


def test_as_many_classes_without_names_are_taken_in_their_order(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    peer = build_detector(slots=4)
    with caplog.at_level(logging.INFO):
        _, model = start(save(peer, tmp_path / "a.pth"), describe_run("task=ssdlite_torchvision", "backbone=large"))
    weight = peer.head.classification_head.module_list[0][1].weight
    assert torch.equal(model.head.class_predictors[0][1].weight, weight)
    assert "3 classes without names, taken in their order" in caplog.text


def own_checkpoint(path: Path, description: Description) -> tuple[str, Model]:
    torch.manual_seed(2)
    model = build_model(description.arch)
    save_safetensors(path, description, model.state_dict())
    return str(path), model


def test_an_own_checkpoint_is_loaded_whole(tmp_path: Path) -> None:
    description = describe_run("task=ssdlite", "backbone=small", "model.bn_eps=0.002", "preprocessing.resize=bilinear")
    source, peer = own_checkpoint(tmp_path / "model.safetensors", description)
    adopted, model = start(source, describe_run("task=ssdlite", "backbone=small"))
    assert (adopted.arch.bn_eps, adopted.preprocessing.resize) == (0.002, "bilinear")
    state = peer.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_an_own_checkpoint_of_another_head_gives_its_backbone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source, peer = own_checkpoint(tmp_path / "model.safetensors", describe_run(*PLAIN, "backbone=small"))
    options = ("task=lraspp", "dataset=cityscapes", "backbone=small", "model.halving=none")
    with caplog.at_level(logging.INFO):
        _, model = start(source, describe_run(*options))
    assert torch.equal(model.backbone.last.conv.weight, peer.backbone.last.conv.weight)
    assert "the backbone is loaded, the lraspp is new" in caplog.text


def test_an_own_checkpoint_of_other_channels_is_refused(tmp_path: Path) -> None:
    description = describe_run("task=ssdlite", "backbone=small", "model.width=0.5")
    source, _ = own_checkpoint(tmp_path / "model.safetensors", description)
    with pytest.raises(InputError, match=r"model.width: 0.5 in the weights, 1.0 here"):
        start(source, describe_run("task=ssdlite", "backbone=small"))


@pytest.mark.parametrize(
    ("given", "asked", "message"),
    [
        (["model.scores=softmax", "loss.assignment=iou"], [], "model.scores: 'softmax' in the weights, 'sigmoid' here"),
        (["task=lraspp", "model.output_stride=32"], ["task=lraspp"], "model.output_stride: 32 in the weights, 16 here"),
    ],
)
def test_an_own_checkpoint_of_another_meaning_is_refused(
    given: list[str], asked: list[str], message: str, tmp_path: Path
) -> None:
    source, _ = own_checkpoint(tmp_path / "model.safetensors", describe_run("backbone=small", *given))
    with pytest.raises(InputError, match=message):
        start(source, describe_run("backbone=small", *asked))


def test_an_own_checkpoint_with_a_tensor_more_is_refused(tmp_path: Path) -> None:
    description = describe_run("task=ssdlite", "backbone=small")
    state = build_model(description.arch).state_dict()
    save_safetensors(tmp_path / "model.safetensors", description, {**state, "backbone.extra.weight": torch.zeros(3)})
    with pytest.raises(InputError, match=r"not of this model: backbone.extra.weight"):
        start(str(tmp_path / "model.safetensors"), description)


def test_a_strangers_21_classes_stay_the_strangers(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    peer, classes = build_segmenter(), ClassTable.create([f"own {k}" for k in range(21)], range(21))
    description = describe_run("task=lraspp_torchvision", "backbone=large", classes=classes)
    with caplog.at_level(logging.INFO):
        _, model = start(save(peer, tmp_path / "a.pth"), description)
    assert torch.equal(model.head.classify.weight, peer.classifier.high_classifier.weight)
    assert "21 classes without names, taken in their order" in caplog.text


def test_an_own_checkpoint_without_all_its_tensors_is_refused(tmp_path: Path) -> None:
    description = describe_run("task=ssdlite", "backbone=small")
    state = build_model(description.arch).state_dict()
    state.pop("backbone.stem.conv.weight")
    save_safetensors(tmp_path / "model.safetensors", description, state)
    with pytest.raises(InputError, match=r"missing or of another shape: backbone.stem.conv.weight"):
        start(str(tmp_path / "model.safetensors"), description)
