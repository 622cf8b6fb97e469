"""Signals that end a run: after the step under way, saved, with the exit status that shells have for them."""

import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from data.signals import ENDING
from tasks.cli.failures import Stopped
from tasks.evaluate.progress import EvaluationProgress
from tasks.train.command import advise, advised, train
from tasks.train.preparation import build_loader, open_data
from tasks.train.progress import Progress
from tasks.train.resuming import find_position
from tasks.train.signals import Signals, requeue_job
from tests.support.commands import kept_state, run_command
from tests.support.runs import CONF, load_config, small_run
from tests.support.trained import Trained

pytestmark = pytest.mark.usefixtures("blank_figures")

PAGE = (CONF.parent / "docs/troubleshooting.md").read_text(encoding="utf-8")
STATUS = {"SIGTERM": 143, "SIGUSR1": 138, "SIGHUP": 129, "SIGINT": 130}
SMALL = ("trainer.max_epochs=3",)


@pytest.fixture(autouse=True)
def heard_signals() -> Any:
    """Hear signals as a terminal's command does, though this process may have been told to ignore some, as by nohup."""
    with kept_state():
        for kind in ENDING:
            signal.signal(kind, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        yield


def send_at(monkeypatch: pytest.MonkeyPatch, hook: str, *kinds: str, call: int = 1) -> None:
    """Send signals to this process when a hook of `Progress` is called for the so-manieth time."""
    calls: list[None] = []
    before = getattr(Progress, hook)

    def send(self: Progress, trainer: Any, module: Any, *rest: Any) -> None:
        before(self, trainer, module, *rest)
        calls.append(None)
        if len(calls) == call:
            for kind in kinds:
                os.kill(os.getpid(), signal.Signals[kind])

    monkeypatch.setattr(Progress, hook, send)


def same_weights(one: Path, two: Path) -> bool:
    contents = [torch.load(folder / "checkpoints/last.ckpt", weights_only=True) for folder in (one, two)]
    states = [{**c["state_dict"], **{f"raw {n}": v for n, v in c["current_model_state"].items()}} for c in contents]
    return all(torch.equal(states[1][name], value) for name, value in states[0].items())


@pytest.mark.parametrize(
    ("kind", "hook", "call", "position"),
    [
        pytest.param("SIGTERM", "on_train_batch_end", 1, (0, 1, 1), marks=pytest.mark.slow),
        pytest.param("SIGUSR1", "on_validation_batch_end", 3, (1, 2, 3), marks=pytest.mark.slow),
        pytest.param("SIGINT", "on_train_batch_end", 2, (0, 2, 1), marks=pytest.mark.slow),  # before the evaluation
        pytest.param("SIGHUP", "on_train_epoch_end", 2, (2, 0, 4), marks=pytest.mark.slow),
        pytest.param("SIGTERM", "on_train_epoch_end", 3, (3, 0, 6), marks=pytest.mark.slow),  # before the final one
    ],
)
def test_a_signal_ends_a_run_where_it_is_and_it_goes_on_from_there(
    kind: str,
    hook: str,
    call: int,
    position: tuple[int, int, int],
    trained: Callable[[str], Trained],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        send_at(patch, hook, kind, call=call)
        with pytest.raises(Stopped) as stopped:
            train(small_run("ssdlite", out, *SMALL, "dataset.workers=1"))
    assert stopped.value.status == STATUS[kind]
    content = torch.load(out / "checkpoints/last.ckpt", weights_only=True)
    assert find_position(content["loops"]["fit_loop"]) == position
    train(load_config("train", f"resume={out}"))
    assert same_weights(trained("ssdlite").folder, out)


def test_the_command_says_how_to_go_on_and_exits_as_shells_have_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small = small_run("ssdlite", tmp_path / "run")
    monkeypatch.setattr("tasks.train.command.train", lambda config: train(small))
    send_at(monkeypatch, "on_train_batch_end", "SIGTERM")
    ended = run_command("train", monkeypatch=monkeypatch, capsys=capsys)
    said = ended.said.splitlines()[-1]
    assert ended.status == 143
    assert said.startswith("stopped by SIGTERM; to go on from the last checkpoint: ")
    assert said.endswith(f"-m tasks.train resume={tmp_path / 'run'}")
    assert "stopped by SIGTERM; to go on from the last checkpoint: " in PAGE


def test_before_the_first_step_there_is_nothing_to_save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.train.command.record_run", lambda *_, **__: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(Stopped, match="stopped by SIGTERM"):
        train(small_run("ssdlite", tmp_path / "run"))
    assert not (tmp_path / "run/checkpoints").exists()
    said = "before the first checkpoint; nothing to go on from in"
    assert advise(tmp_path / "run") == f"{said} {tmp_path / 'run'}"
    assert f"stopped by SIGINT; {said}" in PAGE


@pytest.mark.slow
def test_in_the_final_evaluation_a_signal_ends_at_once_and_it_is_done_again(
    trained: Callable[[str], Trained], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    whole = trained("ssdlite")
    shutil.copytree(whole.plain, out)
    for name in ("report.html", "metrics.json", "results.json"):
        (out / name).unlink()
    with monkeypatch.context() as patch:
        patch.setattr(EvaluationProgress, "on_validation_start", lambda *_: os.kill(os.getpid(), signal.SIGUSR1))
        with pytest.raises(Stopped, match="to go on from the last checkpoint"):
            train(load_config("train", f"resume={out}"))
    assert train(load_config("train", f"resume={out}")) == whole.metrics


def test_what_fails_while_a_stopped_run_is_torn_down_does_not_hide_the_signal(tmp_path: Path) -> None:
    def tear_down() -> None:
        try:
            raise Stopped(signal.SIGTERM)
        finally:
            raise RuntimeError("Please call `iter(combined_loader)` first.")

    with pytest.raises(Stopped, match="stopped by SIGTERM; before the first checkpoint"), advised(tmp_path):
        tear_down()


def test_a_second_interrupt_ends_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    send_at(monkeypatch, "on_train_batch_end", "SIGTERM", "SIGINT")
    with pytest.raises(KeyboardInterrupt, match="nothing to go on from"):
        train(small_run("ssdlite", tmp_path / "run"))
    assert not (tmp_path / "run/checkpoints/last.ckpt").exists()


def test_signals_are_as_they_were_after_a_run_and_those_ignored_before_stay_so() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)}
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with Signals() as signals:
            os.kill(os.getpid(), signal.SIGHUP)
        assert signals.received is None
    finally:
        signal.signal(signal.SIGHUP, before[signal.SIGHUP])
    assert {number: signal.getsignal(number) for number in before} == before


def test_loading_processes_leave_signals_to_the_run(tmp_path: Path) -> None:
    config = small_run("ssdlite", tmp_path / "run", "dataset.workers=2")
    loader = build_loader(open_data(config)[0], config)
    batches = iter(loader)
    first = next(batches)
    for worker in multiprocessing.active_children():
        for number in ENDING:
            os.kill(int(worker.pid or 0), number)
    assert len(first.images) == len(next(batches).images) == 3
    assert len(multiprocessing.active_children()) >= 2


def test_slurm_is_asked_to_start_the_job_again_at_its_own_signal_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked = tmp_path / "asked"
    (tmp_path / "scontrol").write_text(f'#!/bin/sh\necho "$@" >> {asked}\n')
    (tmp_path / "scontrol").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    requeue_job(signal.SIGUSR1)  # outside of a job
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    requeue_job(signal.SIGTERM)
    assert not asked.exists()
    requeue_job(signal.SIGUSR1)
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "6")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "3")
    requeue_job(signal.SIGUSR1)
    assert asked.read_text().splitlines() == ["requeue 7", "requeue 6_3"]
    (tmp_path / "scontrol").write_text("#!/bin/sh\necho no such job >&2; exit 1\n")
    requeue_job(signal.SIGUSR1)
    assert caplog.messages[-1] == "SLURM's job 6_3 is not requeued: no such job"
    assert "SLURM's job 7 is not requeued: " in PAGE


@pytest.mark.slow
def test_a_planted_checkpoint_of_slurm_is_not_looked_at(
    trained: Callable[[str], Trained], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = trained("ssdlite")
    monkeypatch.chdir(tmp_path)
    for name, value in {"SLURM_NTASKS": "1", "SLURM_JOB_ID": "7", "SLURM_JOB_NAME": "run", "SLURM_PROCID": "0"}.items():
        monkeypatch.setenv(name, value)
    shutil.copy(whole.folder / "checkpoints/last.ckpt", tmp_path / "hpc_ckpt_1.ckpt")
    metrics = train(small_run("ssdlite", tmp_path / "run", *SMALL))
    assert same_weights(whole.folder, tmp_path / "run")
    assert metrics == whole.metrics
    content = torch.load(tmp_path / "run/checkpoints/last.ckpt", weights_only=True)
    assert content["epoch"] == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hpc_ckpt_1.ckpt", "run", "synthetic"]


def test_a_process_that_ends_as_the_first_failed_says_nothing_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended, advised(tmp_path):
        raise SystemExit(1)
    assert ended.value.code == 1

    def stop() -> None:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise SystemExit(130)  # noqa: B904  # as Lightning does

    with pytest.raises(KeyboardInterrupt, match="before the first checkpoint"), advised(tmp_path):
        stop()
