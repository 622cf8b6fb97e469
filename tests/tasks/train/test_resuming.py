"""A run that was cut goes on bit by bit, at the step after its checkpoint; what cannot go on is refused in one line."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.faults.likeness import compare
from benchmarks.faults.resuming import measure
from data.errors import InputError
from tasks.train.command import train
from tasks.train.resuming import read_random, restore_random
from tests.support.cut_runs import STEPWISE, cut
from tests.support.runs import CONF, load_config, small_run
from tests.support.trained import Trained, recorded

pytestmark = pytest.mark.usefixtures("blank_figures")

PAGE = (CONF.parent / "docs/troubleshooting.md").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "options"),
    [
        ("raspp", ("dataset.workers=2", "dataset.scenes={train: 9, val: 4}")),
        ("ssdlite", ("dataset.workers=1", "dataset.scenes={train: 9, val: 4}", "trainer.augment=device")),
        ("ssdlite", ("dataset.workers=2", "dataset.scenes={train: 9, val: 4}", "sizes=[[64,96],[96,64],128]")),
        ("classify", ("dataset.workers=1", "dataset.scenes={train: 9, val: 4}", "sizes=[64,96]")),
        (
            "ssdlite",
            ("dataset.workers=null", "trainer.accumulate_grad_batches=2", "dataset.scenes={train: 12, val: 4}"),
        ),
    ],
)
def test_a_run_cut_in_the_middle_of_an_epoch_ends_as_one_that_never_was(
    task: str, options: tuple[str, ...], tmp_path: Path
) -> None:
    train(small_run(task, tmp_path / "whole", *options))
    cut(small_run(task, tmp_path / "cut", *options, STEPWISE), saves=4)  # the first step of the second epoch
    train(load_config("train", f"resume={tmp_path / 'cut'}"))
    assert compare(tmp_path / "whole", tmp_path / "cut") == ""


@pytest.mark.slow
def test_runs_killed_at_random_end_as_those_that_never_were(tmp_path: Path) -> None:
    rows = measure(15, tmp_path)
    assert sum(row.of for row in rows) >= 15
    assert [row for row in rows if row.held < row.of] == []


def test_what_differs_between_two_runs_is_noticed(trained: Callable[[str], Trained], tmp_path: Path) -> None:
    whole = trained("ssdlite").plain
    run = shutil.copytree(whole, tmp_path / "run")
    assert compare(whole, run) == ""
    content = torch.load(run / "checkpoints/best.ckpt", weights_only=True)
    content["state_dict"]["model.backbone.stem.conv.weight"][0, 0, 0, 0] += 1e-7
    torch.save(content, run / "checkpoints/best.ckpt")
    assert compare(whole, run) == "best.ckpt: .state_dict.model.backbone.stem.conv.weight"


def test_a_finished_run_is_left_as_it_is(trained: Callable[[str], Trained], tmp_path: Path) -> None:
    run = shutil.copytree(trained("ssdlite").plain, tmp_path / "run")
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    with recorded("tasks") as said:
        metrics = train(load_config("train", f"resume={run}"))
    assert metrics == trained("ssdlite").metrics
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before
    assert said[0].startswith(f"the run in {run} is finished, nothing is left to do; to train its weights on: ")
    assert "is finished, nothing is left to do; to train its weights on: " in PAGE


@pytest.mark.slow
def test_a_run_that_had_stopped_early_stays_stopped(tmp_path: Path) -> None:
    out = tmp_path / "run"
    options = ("trainer.early_stopping=1", "lr=1e-9", "trainer.max_epochs=5")
    metrics = train(small_run("ssdlite", out, *options))
    epochs = torch.load(out / "checkpoints/last.ckpt", weights_only=True)["epoch"]
    with recorded("tasks") as said:
        assert train(load_config("train", f"resume={out}")) == metrics
    assert "is finished" in said[0]
    (out / "report.html").unlink()  # as if it had been cut in the final evaluation
    assert train(load_config("train", f"resume={out}")) == metrics
    assert torch.load(out / "checkpoints/last.ckpt", weights_only=True)["epoch"] == epochs == 1


def drop(content: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name not in names}


def at_epoch(content: dict[str, Any], epoch: Any) -> dict[str, Any]:
    content["loops"]["fit_loop"]["epoch_progress"]["current"].update(processed=epoch, started=epoch)
    return content


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], dict[str, Any]], str]] = {
    "weights alone": (
        lambda content: {name: content[name] for name in ("state_dict", "bneck")},
        "holds no loops, callbacks, optimizer_states, lr_schedulers; "
        "expected a checkpoint as training writes it; weights=",
    ),
    "no optimizer": (lambda content: drop(content, "optimizer_states"), "holds no optimizer_states; expected"),
    "no memory": (
        lambda content: content | {"optimizer_states": [content["optimizer_states"][0] | {"state": {}}]},
        "holds no the state of the optimizer; expected",
    ),
    "another layer": (
        lambda content: (
            content | {"current_model_state": drop(content["current_model_state"], "model.backbone.stem.conv.weight")}
        ),
        "is not of this run's network: missing, unknown or of another shape: model.backbone.stem.conv.weight",
    ),
    "an odd epoch": (
        lambda content: at_epoch(content, 99),
        "was written at batch 0 of epoch 99; expected one of 2 batches in one of 3 epochs",
    ),
    "no epoch": (lambda content: at_epoch(content, None), "does not say where it was written: "),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_checkpoint_that_nothing_can_go_on_with_is_refused(
    name: str, trained: Callable[[str], Trained], tmp_path: Path
) -> None:
    change, message = CHANGES[name]
    run = shutil.copytree(trained("ssdlite").plain, tmp_path / "run")
    (run / "report.html").unlink()
    last = run / "checkpoints/last.ckpt"
    torch.save(change(torch.load(last, weights_only=True)), last)
    with pytest.raises(InputError) as refused:
        train(load_config("train", f"resume={run}"))
    assert str(refused.value).startswith(f"resume: {last} {message}")
    assert "\n" not in str(refused.value)


def test_another_tasks_checkpoint_is_refused(trained: Callable[[str], Trained], tmp_path: Path) -> None:
    run = shutil.copytree(trained("ssdlite").plain, tmp_path / "run")
    shutil.copy(trained("lraspp").plain / "checkpoints/last.ckpt", run / "checkpoints/last.ckpt")
    (run / "report.html").unlink()
    said = "is of lraspp on small; expected a checkpoint of this run, ssdlite on small"
    with pytest.raises(InputError, match=f"resume: .*last.ckpt {said}"):
        train(load_config("train", f"resume={run}"))
    assert "expected a checkpoint of this run, ssdlite on small" in PAGE


def draw() -> list[float]:
    return [float(torch.rand(())), random.gauss(), *np.random.rand(2), np.random.normal()]  # noqa: NPY002


def test_random_states_are_restored_from_plain_values(tmp_path: Path) -> None:
    draw()
    torch.save(read_random(), tmp_path / "states")
    first = draw()
    draw()
    restore_random(torch.load(tmp_path / "states", weights_only=True))
    assert draw() == first
