"""Before a long run: learning a few images by heart, and looking for a learning rate or a batch size."""

import json
from pathlib import Path

import numpy as np
import pytest
from lightning.pytorch.callbacks import EarlyStopping

from data.classes import ClassTable
from data.errors import InputError
from tasks.train import finders, overfit
from tasks.train.command import train
from tasks.train.finders import suggest_rate
from tasks.train.overfit import prepare
from tasks.train.trainers import build_callbacks
from tests.support.runs import CONF, describe, load_config, small_run

pytestmark = pytest.mark.usefixtures("blank_figures")

PAGE = (CONF.parent / "docs/troubleshooting.md").read_text(encoding="utf-8")


def test_the_rate_is_a_third_of_that_of_the_lowest_loss() -> None:
    rates = np.logspace(-5, 1, 101)
    losses = 5 + np.abs(np.log10(rates / 0.3)) / 2
    assert suggest_rate(rates, losses) == pytest.approx(0.1, rel=0.4)
    noise = np.random.default_rng(0).normal(0, 0.1, 101)
    assert suggest_rate(rates, losses + noise) == pytest.approx(0.1, rel=0.7)


def test_losses_that_end_in_nan_count_up_to_there() -> None:
    rates = np.logspace(-5, 1, 101)
    losses = 5 - np.log10(rates)
    losses[rates > 0.3] = np.nan
    assert suggest_rate(rates, losses) == pytest.approx(0.1, rel=0.4)


def test_a_loss_that_never_falls_is_an_error() -> None:
    with pytest.raises(InputError, match="the loss does not fall at any rate; try overfit=8"):
        suggest_rate(np.logspace(-5, 1, 50), np.linspace(1, 2, 50))
    assert "find=lr: the loss does not fall at any rate; try overfit=8" in PAGE


@pytest.mark.slow
@pytest.mark.parametrize("task", ["ssdlite", "lraspp"])
def test_a_finder_writes_its_curve_and_nothing_else(task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finders, "STEPS", 12)
    monkeypatch.setattr(finders, "suggest_rate", lambda rates, losses: float(rates[3]))
    monkeypatch.chdir(tmp_path)
    found = train(small_run(task, tmp_path / "lr", "find=lr"))
    assert len(found["lr"]) == len(found["loss"]) >= 10
    assert json.loads((tmp_path / "lr/find_lr.json").read_text()) == found
    assert sorted(path.name for path in tmp_path.rglob("*.*") if "synthetic" not in str(path)) == [
        "find_lr.json",
        "find_lr.png",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("task", ["ssdlite", "lraspp"])
def test_batches_grow_up_to_what_the_data_give(task: str, tmp_path: Path) -> None:
    found = train(small_run(task, tmp_path / "run", "find=batch_size"))
    assert found["batch_size"] == [2, 4]  # of 6 images
    assert found["suggestion"] == 4
    assert all(speed > 0 for speed in found["images_per_second"])
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["find_batch_size.json", "find_batch_size.png"]


@pytest.mark.slow
def test_a_batch_that_memory_does_not_hold_is_not_suggested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks.detection.module import DetectionModule

    step = DetectionModule.training_step

    def hungry(self: DetectionModule, batch: object, batch_idx: int) -> object:
        if len(batch.images) > 2:  # type: ignore[attr-defined]
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")
        return step(self, batch, batch_idx)  # type: ignore[arg-type]

    monkeypatch.setattr(DetectionModule, "training_step", hungry)
    assert train(small_run("ssdlite", tmp_path / "run", "find=batch_size"))["suggestion"] == 2


def test_overfitting_uses_whole_batches_and_as_many_steps_as_it_needs() -> None:
    for count, batch, epochs in ((8, 8, 400), (64, 32, 200)):
        config = prepare(load_config("train", f"overfit={count}"))
        assert (config.recipe.batch_size, config.trainer.max_epochs) == (batch, epochs)


def test_a_segmenter_that_overfits_is_evaluated_at_the_size_that_it_is_trained_at() -> None:
    config = prepare(load_config("train", "task=lraspp", "overfit=8", "size=[64,96]"))
    assert config.recipe.own.eval_size == (64, 96)


@pytest.mark.parametrize(("task", "least"), [("ssdlite", 0.7), ("lraspp", 0.8)])
def test_overfitting_ends_as_soon_as_the_images_are_learned(task: str, least: float, tmp_path: Path) -> None:
    config = prepare(load_config("train", f"task={task}", "overfit=8"))
    callbacks = build_callbacks(config, tmp_path, description=describe(config, ClassTable.create(["a"], [1])))
    (stop,) = (callback for callback in callbacks if isinstance(callback, EarlyStopping))
    assert (stop.monitor, stop.stopping_threshold) == (f"val/{config.recipe.task.metric}", least)


@pytest.mark.slow
@pytest.mark.parametrize("task", ["ssdlite", "lraspp"])
def test_images_that_are_not_learned_are_said_with_what_to_check(
    task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overfit, "STEPS", 2)
    with pytest.raises(InputError, match=r"overfit=3: not learned: m.* on the 3 images") as caught:
        train(small_run(task, tmp_path / "run", "overfit=3"))
    assert "samples/" in str(caught.value)
    assert "overfit=8: not learned: mAP" in PAGE
    assert len(list((tmp_path / "run/samples").iterdir())) == 3


def test_one_image_is_too_few_for_batch_norm() -> None:
    with pytest.raises(InputError, match="overfit: 1; expected an integer from 2, which batch norm needs"):
        load_config("train", "overfit=1")


@pytest.mark.slow
@pytest.mark.parametrize(("task", "least"), [("ssdlite", 0.7), ("lraspp", 0.8)])
def test_eight_scenes_are_learned_by_heart(task: str, least: float, tmp_path: Path) -> None:
    options = [f"task={task}", "backbone=small", "overfit=8", "dataset.scenes={train: 8, val: 4}"]
    places = [f"dataset.root={tmp_path / 'synthetic'}", f"out={tmp_path / 'run'}"]
    metrics = train(load_config("train", *options, *places))
    assert metrics[{"ssdlite": "mAP", "lraspp": "mIoU"}[task]] >= least
