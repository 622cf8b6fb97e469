import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

from data.errors import InputError
from tasks.evaluate.command import evaluate
from tasks.models.checkpoint import load_checkpoint
from tasks.models.description import VERSION
from tasks.models.network import build_model
from tasks.train.command import train
from tasks.train.progress import Progress
from tests.support.runs import load_config, small_run
from tests.support.trained import Trained

pytestmark = pytest.mark.usefixtures("blank_figures")

TASKS = {"ssdlite": "mAP", "lraspp": "mIoU"}
WRITTEN = (
    "config.yaml",
    "curves.png",
    "metrics.json",
    "model.safetensors",
    "checkpoints/last.ckpt",
    "confusion_matrix.png",
)


@pytest.fixture(scope="module", params=TASKS)
def run(request: pytest.FixtureRequest, trained: Callable[[str], Trained]) -> tuple[str, Path, dict[str, Any]]:
    """Return each task's name, the folder of its run and what train() returned."""
    run = trained(request.param)
    return run.task, run.folder, run.metrics


@pytest.mark.parametrize(
    "file",
    [
        *(pytest.param(f"checkpoints/{name}.ckpt", marks=pytest.mark.slow) for name in ("best", "last")),
        "model.safetensors",
    ],
)
def test_evaluating_what_was_trained_gives_the_same_metric(
    run: tuple[str, Path, dict[str, Any]], file: str, tmp_path: Path
) -> None:
    task, folder, trained = run
    metrics = evaluate(
        load_config("evaluate", f"checkpoint={folder / file}", f"out={tmp_path / 'out'}", "accelerator=cpu")
    )
    written = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert written == metrics
    if file != "checkpoints/last.ckpt":
        assert metrics[TASKS[task]] == pytest.approx(trained[TASKS[task]], abs=1e-6)
        assert metrics == trained


@pytest.mark.slow
@pytest.mark.parametrize("run", ["lraspp"], indirect=True)
def test_averaged_scores_are_evaluated_and_said(
    run: tuple[str, Path, dict[str, Any]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _, folder, trained = run
    found = {}
    for name, options in {"plain": ["scales=[1]"], "averaged": ["scales=[0.75,1.0,1.25]", "flip=true"]}.items():
        base = [f"checkpoint={folder / 'model.safetensors'}", f"out={tmp_path / name}", "accelerator=cpu"]
        with caplog.at_level("INFO"):
            found[name] = evaluate(load_config("evaluate", *base, *options))
    assert found["plain"] == trained
    assert found["averaged"].pop("averaging") == {"scales": [0.75, 1.0, 1.25], "flip": True}
    assert found["averaged"].keys() == trained.keys()
    assert caplog.text.count("scores averaged over scales [0.75, 1.0, 1.25], each mirrored too") == 1


def test_a_run_writes_one_folder_with_everything(run: tuple[str, Path, dict[str, Any]]) -> None:
    task, folder, _ = run
    results = "results.json" if task == "ssdlite" else "predictions"
    missing = [name for name in (*WRITTEN, results, "tensorboard") if not (folder / name).exists()]
    assert not missing
    assert len(list((folder / "samples").glob("*.jpg"))) == 4


def test_the_best_epoch_is_the_one_with_the_highest_logged_metric(run: tuple[str, Path, dict[str, Any]]) -> None:
    task, folder, trained = run
    with (folder / "logs/start_0/metrics.csv").open() as file:
        values = [float(row[f"val/{TASKS[task]}"]) for row in csv.DictReader(file) if row.get(f"val/{TASKS[task]}")]
    assert len(values) == 3
    assert trained[TASKS[task]] == pytest.approx(max(values), abs=1e-6)


def test_checkpoint_and_safetensors_hold_the_same_model(run: tuple[str, Path, dict[str, Any]]) -> None:
    _, folder, _ = run
    description, weights = load_checkpoint(folder / "checkpoints/best.ckpt")
    same_description, same_weights = load_checkpoint(folder / "model.safetensors")
    assert same_description == description
    assert weights.keys() == same_weights.keys()
    assert all(torch.equal(weights[name], same_weights[name]) for name in weights)
    with safe_open(folder / "model.safetensors", framework="pt") as file:
        assert json.loads(file.metadata()["bneck"])["classes"]["names"] == list(description.classes.names)


def test_a_checkpoint_holds_averaged_and_raw_weights_as_plain_values(run: tuple[str, Path, dict[str, Any]]) -> None:
    content = torch.load(run[1] / "checkpoints/last.ckpt", weights_only=True)
    name = "model.backbone.stem.conv.weight"
    assert not torch.equal(content["state_dict"][name], content["current_model_state"][name])
    assert content["bneck"]["version"] == VERSION


def test_a_folder_with_a_run_is_not_overwritten(run: tuple[str, Path, dict[str, Any]]) -> None:
    task, folder, _ = run
    before = (folder / "metrics.json").read_bytes()
    with pytest.raises(InputError, match="not empty"):
        train(small_run(task, folder))
    assert (folder / "metrics.json").read_bytes() == before


def final_weights(folder: Path) -> dict[str, torch.Tensor]:
    content = torch.load(folder / "checkpoints/last.ckpt", weights_only=True)
    return {**content["state_dict"], **{f"raw {name}": value for name, value in content["current_model_state"].items()}}


EVERYTHING = (
    "loss={ohem: 0.5, dice: 1.0, lovasz: 0.5, label_smoothing: 0.1, aux_weight: 0.4}",
    "augmentation.rare_crops=0.5",
)


@pytest.mark.parametrize(
    ("task", "options"),
    [("ssdlite", ()), *(pytest.param("lraspp", options, marks=pytest.mark.slow) for options in ((), EVERYTHING))],
)
def test_a_resumed_run_ends_where_an_uninterrupted_one_does(
    task: str,
    options: tuple[str, ...],
    trained: Callable[[str], Trained],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    if options:
        train(small_run(task, whole, "trainer.max_epochs=3", *options))
    else:
        whole = trained(task).folder
    start = Progress.on_train_epoch_start

    def fail(self: Progress, trainer: Any, module: Any) -> None:
        if trainer.current_epoch == 2:
            raise RuntimeError("power cut")
        start(self, trainer, module)

    monkeypatch.setattr(Progress, "on_train_epoch_start", fail)
    with pytest.raises(RuntimeError, match="power cut"):
        train(small_run(task, cut, "trainer.max_epochs=3", "dataset.cache=memory", *options))
    monkeypatch.setattr(Progress, "on_train_epoch_start", start)
    moved = cut.rename(tmp_path / "moved")
    train(load_config("train", f"resume={moved}"))
    expected, found = final_weights(whole), final_weights(moved)
    assert expected.keys() == found.keys()
    assert [name for name in expected if not torch.equal(expected[name], found[name])] == []
    best = [load_checkpoint(folder / "checkpoints/best.ckpt")[1] for folder in (whole, moved)]
    assert all(torch.equal(best[0][name], best[1][name]) for name in best[0])


@pytest.mark.slow
def test_an_auxiliary_head_trains_beside_the_model_and_stays_out_of_it(tmp_path: Path) -> None:
    out = tmp_path / "run"
    trained = train(small_run("raspp", out, *EVERYTHING))
    content = torch.load(out / "checkpoints/last.ckpt", weights_only=True)
    for state in (content["state_dict"], content["current_model_state"]):
        assert {name.split(".")[0] for name in state} == {"model", "auxiliary"}
    description, weights = load_checkpoint(out / "checkpoints/best.ckpt")
    assert list(weights) == list(build_model(description.arch).state_dict())
    assert load_checkpoint(out / "model.safetensors")[1].keys() == weights.keys()
    options = [f"checkpoint={out / 'checkpoints/best.ckpt'}", f"out={tmp_path / 'out'}", "accelerator=cpu"]
    assert evaluate(load_config("evaluate", *options)) == trained
    train(small_run("raspp", tmp_path / "next", f"weights={out / 'checkpoints/best.ckpt'}", "trainer.max_epochs=1"))


@pytest.mark.slow
def test_a_run_shorter_than_the_evaluation_interval_has_a_best_checkpoint(tmp_path: Path) -> None:
    out = tmp_path / "run"
    metrics = train(small_run("ssdlite", out, "trainer.max_epochs=1", "trainer.check_val_every_n_epoch=5"))
    assert (out / "checkpoints/best.ckpt").is_file()
    assert json.loads((out / "metrics.json").read_text()) == metrics


@pytest.mark.slow
def test_the_number_of_workers_does_not_change_the_weights(trained: Callable[[str], Trained], tmp_path: Path) -> None:
    train(small_run("ssdlite", tmp_path / "run", "trainer.max_epochs=3", "dataset.workers=2"))
    one, two = final_weights(trained("ssdlite").folder), final_weights(tmp_path / "run")
    assert [name for name in one if not torch.equal(one[name], two[name])] == []
