"""What happens to a file of weights before it is loaded: what is recognised, taken over and refused."""

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torchvision.models import mobilenet_v3_large, mobilenet_v3_small

from data.errors import InputError
from tasks.models.pretrained.loading import read_weights
from tasks.models.pretrained.timm_names import read_settings
from tests.support.dli14 import DLi14
from tests.support.starts import PLAIN, build_detector, build_segmenter, describe_run, save, start


@pytest.mark.parametrize(
    ("name", "build", "options", "message"),
    [
        (
            "a",
            mobilenet_v3_small,
            [*PLAIN, "backbone=large"],
            "backbone: 'small' in.*'large' here.*backbone=small",
        ),
        ("a", mobilenet_v3_large, [*PLAIN, "model.width=0.75"], "model.width: 1.0 in.*0.75 here.*model.width=1.0"),
        (
            "tf_mobilenetv3_small_minimal_100",
            lambda: timm.create_model("tf_mobilenetv3_small_minimal_100"),
            [*PLAIN, "backbone=small"],
            "model.minimalistic: True in.*False here.*model.minimalistic=true",
        ),
        (
            "mobilenetv3_small_075",
            lambda: timm.create_model("mobilenetv3_small_075"),
            [*PLAIN, "backbone=small"],
            "model.width: 0.75 in.*1.0 here.*model.width=0.75",
        ),
        ("a", build_detector, ["task=ssdlite"], "model.anchors: 'torchvision' in.*'tensorflow' here"),
        (
            "a",
            build_segmenter,
            ["task=lraspp", "model.halving=none"],
            "model.aspp: 'torchvision' in.*'tensorflow' here",
        ),
        ("a", build_segmenter, ["task=lraspp_torchvision", "model.filters=64"], "model.filters: 128 in.*64 here"),
    ],
)
def test_what_differs_is_named_with_the_option_that_fits(
    name: str, build: Any, options: list[str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        start(save(build(), tmp_path / f"{name}.pth"), describe_run(*options))


@pytest.mark.slow
@pytest.mark.parametrize("model", ["mobilenetv3_small_050", "mobilenetv3_rw"])
def test_networks_that_are_not_here_are_refused_by_the_first_tensor(model: str, tmp_path: Path) -> None:
    source = save(timm.create_model(model), tmp_path / f"{model}.pth")
    with pytest.raises(
        InputError, match=r"no MobileNetV3 that this project has: for backbone=large.* (missing|shape|place)"
    ):
        start(source, describe_run(*PLAIN, "backbone=large"))


def test_what_changes_no_shape_is_taken_over_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    description = describe_run(*PLAIN, "backbone=small")
    with caplog.at_level(logging.INFO):
        adopted, _ = start(save(DLi14("small"), tmp_path / "a.pth"), description)
    assert adopted.arch == replace(description.arch, bn_eps=1e-5, se="before_act")
    entry = description.preprocessing
    assert adopted.preprocessing == replace(
        entry, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), resize="antialias"
    )
    assert "bn_eps 1e-05 instead of 0.001, se before_act instead of after_act, mean (0.485" in caplog.text
    assert "padding" not in caplog.text


def test_tensorflows_weights_bring_their_padding(tmp_path: Path) -> None:
    source = save(timm.create_model("tf_mobilenetv3_small_075"), tmp_path / "tf_mobilenetv3_small_075.in1k.safetensors")
    adopted, _ = start(source, describe_run(*PLAIN, "backbone=small", "model.width=0.75"))
    assert (adopted.arch.padding, adopted.arch.bn_eps, adopted.preprocessing.mean) == ("same", 1e-3, (0.5, 0.5, 0.5))


def test_weights_of_timm_without_a_name_are_refused(tmp_path: Path) -> None:
    source = save(timm.create_model("mobilenetv3_small_100"), tmp_path / "model.safetensors")
    with pytest.raises(
        InputError, match=r"model.safetensors: timm weights of an unknown model.*epsilon.*mobilenetv3_large_100.ra_in1k"
    ):
        start(source, describe_run(*PLAIN, "backbone=small"))


def test_the_name_of_timms_weights_may_stand_in_hugging_faces_folders(tmp_path: Path) -> None:
    folder = tmp_path / "models--timm--mobilenetv3_small_100.lamb_in1k/snapshots/1f2e3d"
    source = save(timm.create_model("mobilenetv3_small_100"), folder / "model.safetensors")
    assert read_weights(source, describe_run().arch).arch.bn_eps == 1e-5


def test_timms_own_configuration_beside_the_file_is_read(tmp_path: Path) -> None:
    source = save(timm.create_model("mobilenetv3_small_100"), tmp_path / "model.safetensors")
    config = {"architecture": "mobilenetv3_small_100", "pretrained_cfg": {"tag": "x", "mean": [0, 0.1, 0.2]}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    weights = read_weights(source, describe_run().arch)
    assert (weights.preprocessing.mean, weights.arch.bn_eps) == ((0.0, 0.1, 0.2), 1e-5)


def test_the_table_of_timms_names_agrees_with_timm() -> None:
    families = ("mobilenetv1_*", "mobilenetv2_*", "mobilenetv3_*", "tf_mobilenetv3_*", "mobilenetv4_*", "semnasnet_*")
    names = [name for family in families for name in timm.list_models(family, pretrained=True)]
    assert len(names) > 30
    for name in names:
        cfg, settings = timm.get_pretrained_cfg(name), read_settings(name)
        assert (settings.mean, settings.std) == (tuple(cfg.mean), tuple(cfg.std)), name


def test_the_epsilons_and_paddings_of_timms_names_agree_with_timm() -> None:
    families = ("mobilenetv[12]_*", "mobilenetv3_[ls]*", "tf_mobilenetv3_*", "mobilenetv4_conv_[sml]*", "semnasnet_*")
    names = [name for family in families for name in timm.list_models(family)]
    assert len(names) > 20
    for name in names:
        with torch.device("meta"):
            peer = timm.create_model(name)
        settings = read_settings(name)
        assert settings.bn_eps == peer.bn1.eps, name
        assert (settings.padding == "same") == (type(peer.conv_stem).__name__ == "Conv2dSame"), name
        assert settings.architecture == name


@pytest.mark.parametrize(
    "name",
    [
        "mobilenetv3_project/model.safetensors",
        "mobilenetv3_large_100_experiments/model.safetensors",
        "tf-mobilenetv3_small_100.pth",
        "mobilenetv3.pth",
    ],
)
def test_what_only_looks_like_timms_name_is_none(name: str, tmp_path: Path) -> None:
    source = save(timm.create_model("mobilenetv3_small_100"), tmp_path / name)
    with pytest.raises(InputError, match=r"timm weights of an unknown model"):
        read_weights(source, describe_run().arch)


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("mobilenetv2_110d", ["task=lraspp", "backbone=mobilenetv2", "model.width=1.1"]),
        ("mobilenetv4_conv_blur_medium", ["task=ssdlite", "backbone=mobilenetv4_conv_medium"]),
    ],
)
def test_timms_variants_of_a_baseline_are_refused(model: str, options: list[str], tmp_path: Path) -> None:
    with torch.device("meta"):
        shapes = timm.create_model(model).state_dict()
    tensors = {name: torch.zeros(value.shape, dtype=value.dtype) for name, value in shapes.items()}
    torch.save(tensors, tmp_path / f"{model}.pth")
    with pytest.raises(InputError, match=rf"weights of timm's {model}, which is not backbone=mobilenetv"):
        read_weights(str(tmp_path / f"{model}.pth"), describe_run(*options, "dataset=synthetic").arch)


@pytest.mark.filterwarnings("ignore:Validating sparse tensor invariants")  # torch's, before we refuse them
@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"layer1.0.weight": torch.zeros(1)}, "holds layer1.0.weight; known are .*torchvision.*d-li14.*timm"),
        ({"backbone.stem.conv.weight": torch.zeros(1)}, "without their description.*model.safetensors"),
        ({}, "expected tensors by name"),
        (
            {"features.0.0.weight": torch.zeros(1), "features.1.block.0.0.weight": torch.zeros(1)},
            "features.0.0.weight has the shape",
        ),
        ({"features.0.0.weight": torch.zeros(4, 4).to_sparse()}, "features.0.0.weight is torch.sparse_coo"),
        ({"features.0.0.weight": torch.zeros(2, 2, dtype=torch.int8)}, "torch.int8; expected dense floating-point"),
        ({"features.0.0.weight": torch.zeros(2, 2, dtype=torch.complex64)}, "torch.complex64; expected dense"),
        ({"features.0.0.weight": torch.full((2, 2), torch.nan)}, "features.0.0.weight holds NaN"),
    ],
)
def test_files_of_no_known_layout_are_refused(tensors: dict[str, Any], message: str, tmp_path: Path) -> None:
    torch.save(tensors, tmp_path / "a.pth")
    with pytest.raises(InputError, match=message):
        read_weights(str(tmp_path / "a.pth"), describe_run().arch)


def test_a_missing_file_is_refused_with_what_there_is() -> None:
    with pytest.raises(
        InputError, match=r"weights: no file imagnet; expected a file of weights, or one of imagenet, coco"
    ):
        read_weights("imagnet", describe_run().arch)


@pytest.mark.parametrize("entry", ["state_dict", "model", "model_state_dict", "model_ema"])
def test_weights_are_found_inside_training_checkpoints(entry: str, tmp_path: Path) -> None:
    peer = mobilenet_v3_small()
    state: dict[str, Any] = {f"module.{name}": value for name, value in peer.state_dict().items()}
    content = {entry: {**state, "n_averaged": torch.tensor(1)}, "epoch": 3}
    torch.save(content, tmp_path / "checkpoint.pth")
    weights = read_weights(str(tmp_path / "checkpoint.pth"), describe_run().arch)
    assert torch.equal(weights.tensors["backbone.stem.conv.weight"], peer.features[0][0].weight)


def test_a_classifiers_last_layers_are_left_out_of_a_detector(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    peer = mobilenet_v3_small()
    with caplog.at_level(logging.INFO):
        _, model = start(save(peer, tmp_path / "a.pth"), describe_run(*PLAIN, "backbone=small"))
    assert torch.equal(model.backbone.stem.conv.weight, peer.features[0][0].weight)
    assert torch.equal(model.backbone.last.conv.weight, peer.features[12][0].weight)
    assert "the backbone is loaded, the ssdlite is new" in caplog.text


def test_a_backbone_without_its_classifier_is_enough_for_a_detector(tmp_path: Path) -> None:
    peer = mobilenet_v3_small()
    state = {f"_orig_mod.module.{k}": v for k, v in peer.state_dict().items() if not k.startswith("classifier.")}
    torch.save(state, tmp_path / "a.pth")
    _, model = start(str(tmp_path / "a.pth"), describe_run(*PLAIN, "backbone=small"))
    assert torch.equal(model.backbone.last.conv.weight, peer.features[12][0].weight)


@pytest.mark.parametrize("extra", ["extra.weight", "features.0.0.bias"])
def test_a_tensor_that_has_no_place_is_refused(extra: str, tmp_path: Path) -> None:
    torch.save({**mobilenet_v3_small().state_dict(), extra: torch.zeros(3)}, tmp_path / "a.pth")
    with pytest.raises(InputError, match=rf"no MobileNetV3 that this project has.*{extra} has no place"):
        start(str(tmp_path / "a.pth"), describe_run(*PLAIN, "backbone=small"))


@pytest.mark.slow
def test_timms_last_convolution_of_a_narrow_network_is_named(tmp_path: Path) -> None:
    source = save(timm.create_model("mobilenetv2_050"), tmp_path / "mobilenetv2_050.lamb_in1k.pth")
    with pytest.raises(InputError, match=r"for backbone=mobilenetv2 model.width=0.5.*conv_head.weight has the shape"):
        start(source, describe_run(*PLAIN, "backbone=mobilenetv2", "model.width=0.5"))
