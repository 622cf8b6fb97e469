"""Sweeps of real trainings, as small as they come, in processes of their own."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PATIENCE = 600  # seconds
SPACE = "lr: {low: 0.01, high: 0.1, log: true}\noptimizer.momentum: [0.8, 0.9]\n"
SMALLEST = (
    "task=lraspp",
    "backbone=small",
    "model.width=0.35",
    "dataset.scenes={train: 8, val: 2}",
    "dataset.workers=0",
    "size=[64,96]",
    "batch_size=4",
    "model.bn_momentum=0.1",
    "trainer.accelerator=cpu",
    "trainer.save_every=1steps",
    "logger=csv",
)


def sweep_words(folder: Path, *options: str) -> list[str]:
    """Return a command that searches over `SPACE` in `folder`/out, on scenes beside it."""
    space = folder / "space.yaml"
    space.write_text(SPACE)
    places = (f"space={space}", f"dataset.root={folder / 'scenes'}", f"out={folder / 'out'}")
    return [sys.executable, "-m", "tasks.sweep", *SMALLEST, *places, *options]


def start_sweep(folder: Path, *options: str) -> "subprocess.Popen[str]":
    """Start that command; what it says is in `folder`."""
    number = len(list(folder.glob("said_*.txt")))
    with (folder / f"said_{number}.txt").open("w") as said:
        return subprocess.Popen(sweep_words(folder, *options), stderr=said, stdout=said, cwd=ROOT, text=True)


def finish(process: "subprocess.Popen[str]", folder: Path) -> None:
    """Wait for the end of a command that should succeed."""
    assert process.wait(PATIENCE) == 0, "\n".join(path.read_text() for path in sorted(folder.glob("said_*.txt")))


def wait_for(happens: Callable[[], Any], process: "subprocess.Popen[str]") -> Any:
    """Wait until something is true, while a process runs; return it."""
    deadline = time.monotonic() + PATIENCE
    while not (found := happens()):
        assert process.poll() is None, "it ended too early"
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)
    return found


def read_trials(folder: Path) -> list[dict[str, Any]]:
    """Return the trials of a search that has written its page."""
    trials: list[dict[str, Any]] = json.loads((folder / "out/trials.json").read_text())["trials"]
    return trials


def find_owner(run: Path) -> int | None:
    """Return the process that trains in a folder; None where there is none, or no checkpoint yet."""
    lock = run / ".lock"
    try:
        return int(lock.read_text().split()[1]) if (run / "checkpoints/last.ckpt").is_file() else None
    except (OSError, IndexError):
        return None
