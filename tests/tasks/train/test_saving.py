"""When a checkpoint to go on from is written."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tasks.train import saving
from tasks.train.command import train
from tasks.train.config import Interval
from tasks.train.saving import KeepLast
from tasks.train.signals import Signals
from tests.support.commands import run_command
from tests.support.runs import CONF, load_config, small_run

PAGE = (CONF.parent / "docs/troubleshooting.md").read_text(encoding="utf-8")


def list_saves(interval: Interval, monkeypatch: pytest.MonkeyPatch, *, seconds: float, steps: int) -> list[int]:
    """Return after which steps of so many seconds each a checkpoint is written."""
    now, written = [0.0], []
    monkeypatch.setattr(saving.time, "monotonic", lambda: now[0])
    trainer: Any = SimpleNamespace(global_step=0, loggers=[])
    trainer.save_checkpoint = lambda path, weights_only: written.append(trainer.global_step)
    finite: Any = SimpleNamespace(check_weights=lambda trainer: None)
    keeper = KeepLast(Path("last.ckpt"), interval, signals=Signals(), finite=finite)
    keeper.on_train_start(trainer, None)  # type: ignore[arg-type]  # not looked at
    for step in range(1, steps + 1):
        now[0], trainer.global_step = step * seconds, step
        keeper.look(trainer)
    return written


def test_the_first_checkpoint_comes_after_a_minute_and_the_next_every_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list_saves(Interval(10, None), monkeypatch, seconds=30, steps=60) == [2, 22, 42]
    assert list_saves(Interval(None, 25), monkeypatch, seconds=30, steps=60) == [2, 27, 52]
    assert list_saves(Interval(None, 3), monkeypatch, seconds=1, steps=10) == [3, 6, 9]


@pytest.mark.slow
def test_a_run_writes_them_between_steps_and_at_the_end_of_epochs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blank_figures: None
) -> None:
    save, written = KeepLast.keep, []

    def note(self: KeepLast, trainer: Any) -> None:
        save(self, trainer)
        written.append((trainer.global_step, trainer.fit_loop.epoch_loop.batch_progress.current.completed))

    monkeypatch.setattr(KeepLast, "keep", note)
    options = ("dataset.scenes={train: 15, val: 2}", "trainer.save_every=2steps", "trainer.check_val_every_n_epoch=2")
    train(small_run("ssdlite", tmp_path / "run", *options))
    # Epochs of 5 steps.
    assert written == [(2, 2), (4, 4), (5, 5), (7, 2), (9, 4), (10, 5)]


@pytest.mark.parametrize(
    ("typed", "interval"),
    [("10min", Interval(10, None)), ("1min", Interval(1, None)), ("500steps", Interval(None, 500))],
)
def test_an_interval_is_minutes_or_steps(typed: str, interval: Interval) -> None:
    assert load_config("train", f"trainer.save_every={typed}").trainer.interval == interval


@pytest.mark.parametrize("typed", ["10", "0min", "1.5min", "10m", "-3steps", "10 min", "'10min,5steps'", "null"])
def test_another_interval_is_refused(
    typed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = run_command("train", f"trainer.save_every={typed}", monkeypatch=monkeypatch, capsys=capsys)
    assert ended.status == 2
    assert "save_every" in ended.said
    assert ended.said.count("\n") == 1


def test_the_message_of_an_interval_without_a_unit_is_explained(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = run_command("train", "trainer.save_every=10", monkeypatch=monkeypatch, capsys=capsys)
    message = "save_every: '10'; expected minutes or steps, such as 10min or 500steps"
    assert message in ended.said
    assert message in PAGE
