"""A process that trains: how it is started, ended, and what it leaves."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.trials import processes
from tasks.trials.processes import LocalProcess, share_gpus

# In the place of tasks.train: it says what it was started with, and waits for its end.
STANDING_IN = """
import os, signal, sys, time

def leave(number, frame):
    print("saved", flush=True)
    sys.exit(128 + number)

signal.signal(signal.SIGTERM, leave)
print(os.environ["OMP_NUM_THREADS"], sys.stdin.read(), *sys.argv[1:], flush=True)
time.sleep(60)
"""
DRIVER = """
import sys, time
from pathlib import Path
from tasks.trials.processes import LocalProcess
training = LocalProcess(["lr=0.1"], Path("log.txt"), {"OMP_NUM_THREADS": "3"}, Path())
print(training._process.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of packages that has everything of ours but another tasks.train."""
    root = tmp_path / "root"
    (root / "tasks/train").mkdir(parents=True)
    (root / "tasks/trials").mkdir()
    for name in ("__init__.py", "train/__init__.py", "trials/__init__.py"):
        (root / "tasks" / name).touch()
    ours = Path(processes.__file__).parent
    for name in ("leash.py", "processes.py"):
        (root / "tasks/trials" / name).write_text((ours / name).read_text())
    (root / "tasks/train/__main__.py").write_text(STANDING_IN)
    monkeypatch.setattr(processes, "ROOT", root)
    return root


def wait(happens: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_training_gets_its_options_and_threads_and_ends_when_it_is_told_to(place: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_text("of an earlier start\n")
    training = LocalProcess(["lr=0.1", "size=[64, 96]"], log, {"OMP_NUM_THREADS": "3"}, tmp_path)
    wait(lambda: "lr" in log.read_text())
    assert training.poll() is None
    training.stop()
    training.stop()
    wait(lambda: training.poll() is not None)
    assert training.poll() == 143
    assert log.read_text() == "of an earlier start\n3  lr=0.1 size=[64, 96]\nsaved\n"


def test_one_that_does_not_end_is_killed(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "PATIENCE", 0)
    ignoring = STANDING_IN.replace("sys.exit(128 + number)", "time.sleep(60)")
    (place / "tasks/train/__main__.py").write_text(ignoring)
    training = LocalProcess([], tmp_path / "log.txt", {"OMP_NUM_THREADS": "1"}, tmp_path)
    wait(lambda: (tmp_path / "log.txt").read_text() != "")
    training.stop()
    wait(lambda: "saved" in (tmp_path / "log.txt").read_text())
    training.stop()
    wait(lambda: training.poll() is not None)
    assert training.poll() == -9


def test_a_training_ends_with_a_driver_that_is_killed(place: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(place)}
    with subprocess.Popen(
        [sys.executable, "-c", DRIVER], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    ) as driver:
        assert driver.stdout is not None
        training = int(driver.stdout.readline())
        log = tmp_path / "log.txt"
        wait(lambda: "lr" in log.read_text())
        driver.kill()
    wait(lambda: "saved" in log.read_text())
    wait(lambda: not Path(f"/proc/{training}/exe").exists())


@pytest.mark.parametrize(
    ("visible", "jobs", "shares"),
    [
        ("0", 2, ["", ""]),
        ("", 2, ["", ""]),
        ("0,1", 2, ["0", "1"]),
        ("2,3,5,7", 2, ["2,5", "3,7"]),
        ("2,3", 3, ["2", "3", "2"]),
    ],
)
def test_trainings_at_once_divide_the_gpus(
    visible: str, jobs: int, shares: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert [share_gpus(slot, jobs) for slot in range(jobs)] == shares
