"""A run whose loss or weights are no numbers any more ends in time, and its last good checkpoint stays good."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from data.errors import RunError
from tasks.cli.failures import explain
from tasks.train import finite
from tasks.train.command import train
from tasks.train.progress import Progress
from tests.support.runs import CONF, small_run

pytestmark = pytest.mark.usefixtures("blank_figures")

PAGE = (CONF.parent / "docs/troubleshooting.md").read_text(encoding="utf-8")
SCENES = "dataset.scenes={train: 12, val: 4}"


def spoil(monkeypatch: pytest.MonkeyPatch, *, from_step: int, to_step: int = 10**9, weights: bool = False) -> None:
    """Make the loss NaN in some batches, from 0; or a weight infinite, which the loss does not show."""
    step = finite.Finite.on_train_batch_end

    def broken(self: Any, trainer: Any, module: Any, outputs: Any, batch: Any, index: int) -> None:
        if from_step <= trainer.fit_loop.total_batch_idx < to_step:
            if weights:
                module.model.backbone.stem.norm.running_var[0] = torch.inf
            else:
                outputs = {**outputs, "train/loss": outputs["train/loss"] * torch.nan}
        step(self, trainer, module, outputs, batch, index)

    monkeypatch.setattr(finite.Finite, "on_train_batch_end", broken)


@pytest.mark.parametrize("task", ["ssdlite", pytest.param("lraspp", marks=pytest.mark.slow)])
def test_a_rate_that_is_too_high_ends_a_run_with_what_to_try(task: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(RunError) as ended:
        train(small_run(task, out, "lr=1e20", "trainer.max_epochs=30", "trainer.gradient_clip_val=0", SCENES))
    message, status = explain(ended.value)
    assert status == 1
    assert "; try lr=1e+19, trainer.gradient_clip_val=1 in a new run" in message
    assert message.count(".png") + message.count(".jpg") == 3  # the batch's images
    assert "\n" not in message
    for path in (out / "checkpoints").glob("*.ckpt"):
        content = torch.load(path, weights_only=True)
        assert all(value.isfinite().all() for value in content["current_model_state"].values())


@pytest.mark.slow
def test_the_message_names_the_step_where_it_began_and_what_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    spoil(monkeypatch, from_step=6)  # the third of the four batches of the second epoch
    with pytest.raises(RunError) as ended:
        train(small_run("ssdlite", out, "trainer.nan_patience=2", "trainer.save_every=1steps", SCENES))
    said = "the loss is nan from step 7 on (epoch 2, batch 3 of 4, rate "
    assert str(ended.value).startswith(said)
    assert f"); {out / 'checkpoints/last.ckpt'} of before is kept; try lr=" in str(ended.value)
    assert "the loss is nan from step 7 on (epoch 2, batch 3 of 4, rate 1e+06; images " in PAGE
    assert torch.load(out / "checkpoints/last.ckpt", weights_only=True)["global_step"] == 7


@pytest.mark.slow
def test_the_images_named_are_those_of_the_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[list[int]] = []
    step = Progress.on_train_batch_end

    def note(self: Any, trainer: Any, module: Any, outputs: Any, batch: Any, index: int) -> None:
        taken.append(batch.image_ids.tolist())
        step(self, trainer, module, outputs, batch, index)

    monkeypatch.setattr(Progress, "on_train_batch_end", note)
    spoil(monkeypatch, from_step=5)
    with pytest.raises(RunError) as ended:
        train(small_run("ssdlite", tmp_path / "run", "trainer.nan_patience=1", SCENES))
    labels = json.loads((tmp_path / "synthetic/coco/annotations/instances_train.json").read_text())
    names = {image["id"]: image["file_name"] for image in labels["images"]}
    named = str(ended.value).split("; images ")[1].split(")")[0].split(", ")
    assert [Path(name).name for name in named] == [names[number] for number in taken[5]]


@pytest.mark.slow
def test_fewer_bad_steps_in_a_row_than_the_patience_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch, from_step=1, to_step=3)
    train(small_run("ssdlite", tmp_path / "run", "trainer.nan_patience=3", SCENES))
    assert (tmp_path / "run/metrics.json").is_file()


def test_weights_are_looked_at_before_they_are_evaluated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "run"
    spoil(monkeypatch, from_step=2, weights=True)
    with pytest.raises(RunError, match=r"the weights are no finite numbers from step 4 on \(epoch 1, batch 4 of 4"):
        train(small_run("ssdlite", out, SCENES))
    assert "the weights are no finite numbers from step 7 on (" in PAGE
    assert not (out / "checkpoints").exists()


@pytest.mark.parametrize("patience", [1, 2, 3, 7, 10])
def test_a_run_ends_in_time_where_only_every_few_steps_are_looked_at(
    patience: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finite.Finite, "_describe", lambda *_: "")
    config = small_run("ssdlite", tmp_path / "run", f"trainer.nan_patience={patience}")
    for first in range(1, 25):
        guard = finite.Finite(config, None, kept=tmp_path)  # type: ignore[arg-type]  # for its message alone
        guard.on_train_start(None, SimpleNamespace(device=torch.device("cpu")))  # type: ignore[arg-type]
        guard._every = max(1, patience // 2)  # as on a GPU, which is waited for
        assert 0 <= find_end(guard, first) - first < patience


def find_end(guard: finite.Finite, first: int) -> int:
    """Return the step after which a run ends whose losses are infinite from a step on."""
    for step in range(1, 50):
        loss = torch.tensor(torch.inf if step >= first else 1.0)
        try:
            guard.on_train_batch_end(None, None, {"train/loss": loss}, None, 0)  # type: ignore[arg-type]
        except RunError:
            return step
    raise AssertionError("it does not end")
