"""Fine-tuning from weights: what is frozen stays as it came, in every way."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor
from torchvision.models import mobilenet_v3_small

from data.errors import InputError
from tasks.models.architecture import Arch
from tasks.models.network import Model, build_model
from tasks.optimizers import split_parameters
from tasks.train.command import train
from tasks.train.freezing import freeze_model, list_frozen
from tasks.train.progress import Progress
from tests.support.peers import vary
from tests.support.runs import load_config, small_run
from tests.support.trained import Trained

pytestmark = pytest.mark.usefixtures("blank_figures")

OPTIONS = ("model.halving=none", "trainer.max_epochs=2")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file in torchvision's layout."""
    path = tmp_path_factory.mktemp("weights") / "small.pth"
    torch.save(vary(mobilenet_v3_small()).state_dict(), path)
    return path


def names_of(model: Model, parts: list[Any]) -> set[str]:
    kept = {id(parameter) for part in parts for parameter in part.parameters()}
    return {name for name, parameter in model.named_parameters() if id(parameter) in kept}


def test_a_row_freezes_the_stem_and_all_rows_up_to_it() -> None:
    model = build_model(Arch("ssdlite", "small", 3))
    names = names_of(model, list_frozen(model, "2"))
    assert {name.split(".")[1] for name in names} == {"stem", "blocks"}
    assert {name.split(".")[2] for name in names if ".blocks." in name} == {"0", "1"}


def test_all_of_the_backbone_includes_its_last_convolution() -> None:
    model = build_model(Arch("ssdlite", "small", 3))
    names = names_of(model, list_frozen(model, "backbone"))
    assert names == {name for name, _ in model.named_parameters() if name.startswith("backbone.")}


def test_rows_of_a_baseline_are_its_blocks() -> None:
    model = build_model(Arch("lraspp", "mobilenetv2", 3))
    names = names_of(model, list_frozen(model, "3"))
    parts = {".".join(name.split(".")[2:5]) for name in names}
    assert {part for part in parts if part.startswith("blocks")} == {"blocks.0.0", "blocks.1.0", "blocks.1.1"}
    assert {"conv_stem.weight", "bn1.weight"} <= parts


@pytest.mark.parametrize("freeze", ["0", "12", "-1", "2.5", "true", "head"])
def test_what_cannot_be_frozen_is_refused_with_the_range(freeze: str) -> None:
    with pytest.raises(InputError, match=r"freeze: .*expected none, backbone or the number of a row from 1 to 11"):
        freeze_model(build_model(Arch("ssdlite", "small", 3)), freeze)


def test_frozen_parameters_are_in_no_group_of_the_optimizer() -> None:
    model = build_model(Arch("ssdlite", "small", 3))
    freeze_model(model, "backbone")
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    decayed, rest = split_parameters(model)
    optimized = {names[id(parameter)] for parameter in decayed + rest}
    assert optimized == {name for name in names.values() if name.startswith("head.")}
    assert decayed


def test_random_weights_are_not_frozen(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"freeze=backbone: no weights given"):
        train(small_run("ssdlite", tmp_path / "out", "freeze=backbone"))
    assert not (tmp_path / "out").exists()


def final_states(folder: Path) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Any]]:
    """Return the averaged and the raw weights of a run, and its description."""
    content = torch.load(folder / "checkpoints/last.ckpt", weights_only=True)
    averaged, raw = content["state_dict"], content["current_model_state"]
    return averaged, {name: raw[name] for name in averaged}, content["bneck"]


@pytest.mark.slow
def test_frozen_rows_stay_and_the_others_learn(source: Path, tmp_path: Path) -> None:
    train(small_run("ssdlite", tmp_path / "run", *OPTIONS, f"weights={source}", "freeze=3"))
    published = torch.load(source, weights_only=True)
    averaged, raw, _ = final_states(tmp_path / "run")
    for state in (averaged, raw):
        for ours, theirs in (("stem", "features.0"), ("blocks.2.project", "features.3.block.2")):
            for leaf, place in (("conv.weight", "0.weight"), ("norm.weight", "1.weight"), ("norm.bias", "1.bias")):
                assert torch.equal(state[f"model.backbone.{ours}.{leaf}"], published[f"{theirs}.{place}"])
            for leaf in ("running_mean", "running_var"):
                assert torch.equal(state[f"model.backbone.{ours}.norm.{leaf}"], published[f"{theirs}.1.{leaf}"])
        learnt = state["model.backbone.blocks.3.expand.conv.weight"]
        assert not torch.equal(learnt, published["features.4.block.0.0.weight"])


@pytest.mark.slow
def test_a_whole_frozen_backbone_stays_and_the_description_tells_of_the_weights(source: Path, tmp_path: Path) -> None:
    options = ("model.halving=none", "trainer.max_epochs=1", f"weights={source}", "freeze=backbone")
    train(small_run("lraspp", tmp_path / "run", *options))
    published = torch.load(source, weights_only=True)
    averaged, raw, description = final_states(tmp_path / "run")
    for state in (averaged, raw):
        assert torch.equal(state["model.backbone.last.conv.weight"], published["features.12.0.weight"])
        assert torch.equal(state["model.backbone.last.norm.running_var"], published["features.12.1.running_var"])
    config = OmegaConf.load(tmp_path / "run/config.yaml")
    assert description["preprocessing"]["mean"] == tuple(config.preprocessing.mean) == (0.485, 0.456, 0.406)
    assert description["preprocessing"]["resize"] == config.preprocessing.resize == "antialias"


def test_a_run_of_before_the_weights_is_not_resumed(trained: Callable[[str], Trained], tmp_path: Path) -> None:
    shutil.copytree(trained("ssdlite").folder, tmp_path / "run")
    config = OmegaConf.load(tmp_path / "run/config.yaml")
    del config["preprocessing"]
    OmegaConf.save(config, tmp_path / "run/config.yaml")
    with pytest.raises(InputError, match=r"config.yaml: not the configuration of a run: preprocessing: none given"):
        train(load_config("train", f"resume={tmp_path / 'run'}"))


@pytest.mark.slow
def test_a_resumed_run_freezes_again_and_needs_no_weights(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "small.pth"
    mine.write_bytes(source.read_bytes())
    options = (*OPTIONS, f"weights={mine}", "freeze=3")
    train(small_run("ssdlite", tmp_path / "whole", *options))
    start = Progress.on_train_epoch_start

    def fail(self: Progress, trainer: Any, module: Any) -> None:
        if trainer.current_epoch == 1:
            raise RuntimeError("power cut")
        start(self, trainer, module)

    monkeypatch.setattr(Progress, "on_train_epoch_start", fail)
    with pytest.raises(RuntimeError, match="power cut"):
        train(small_run("ssdlite", tmp_path / "cut", *options))
    monkeypatch.setattr(Progress, "on_train_epoch_start", start)
    mine.unlink()
    train(load_config("train", f"resume={tmp_path / 'cut'}"))
    expected, found = final_states(tmp_path / "whole"), final_states(tmp_path / "cut")
    assert expected[2] == found[2]
    for one, other in zip(expected[:2], found[:2], strict=True):
        assert [name for name in one if not torch.equal(one[name], other[name])] == []
