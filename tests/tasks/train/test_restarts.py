"""A process of a training is killed, told to end or stopped: torchrun starts all again, and the run ends as planned."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from benchmarks.faults.likeness import compare
from tests.support.several import PATIENCE, find_ranks, run, several, start
from tests.support.short_runs import list_options, read_losses

TIMEOUT = 20  # seconds


def command(out: Path, root: Path, *, world: int = 2, restarts: int = 1) -> list[str]:
    given = ("batch_size=8", "trainer.save_every=1steps", f"trainer.timeout={TIMEOUT}", "trainer.max_epochs=30")
    rare = "trainer.check_val_every_n_epoch=15"
    return several(
        world, "tests.support.frozen_norms", *list_options("ssdlite", out, root, *given, rare), restarts=restarts
    )


def begin(out: Path, root: Path, **how: int) -> "subprocess.Popen[str]":
    """Start a run and wait until it has saved itself."""
    process = start(command(out, root, **how))
    deadline = time.monotonic() + PATIENCE
    while not (out / "checkpoints/last.ckpt").is_file():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return process


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run that was never cut; its scenes are beside it."""
    folder = tmp_path_factory.mktemp("whole")
    run(command(folder / "run", folder / "scenes"))
    return folder / "run"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "ranks"),
    [
        (signal.SIGKILL, (0,)),
        (signal.SIGKILL, (1,)),
        (signal.SIGTERM, (1,)),
        (signal.SIGTERM, (0, 1)),
        (signal.SIGSTOP, (1,)),
    ],
)
def test_a_run_that_is_started_again_ends_as_one_that_never_was_cut(
    kind: signal.Signals, ranks: tuple[int, ...], whole: Path, tmp_path: Path
) -> None:
    process = begin(tmp_path / "run", whole.parent / "scenes")
    found = find_ranks(process.pid)
    for rank in ranks:
        os.kill(found[rank], kind)
    said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said
    assert compare(whole, tmp_path / "run") == ""
    if kind == signal.SIGSTOP:
        assert f"rank 0 of 2: rank 1 (process {found[1]}" in said
        assert f"did not answer within {TIMEOUT} s" in said


@pytest.mark.slow
@pytest.mark.parametrize("worlds", [(2, 1), (1, 2)])
def test_a_run_goes_on_in_another_number_of_processes(worlds: tuple[int, int], whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    process = begin(out, whole.parent / "scenes", world=worlds[0], restarts=0)
    process.terminate()  # torchrun, or the run itself
    said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode != 0
    assert "stopped by SIGTERM" in said
    run(several(worlds[1], "tests.support.frozen_norms", f"resume={out}"))
    assert read_losses(out) == pytest.approx(read_losses(whole), rel=1e-4)
