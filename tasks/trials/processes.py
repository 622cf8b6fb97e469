"""One training as a process: started, looked at, ended."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import tasks

ROOT = Path(tasks.__file__).parents[1]  # where this project's packages lie
GPUS = "CUDA_VISIBLE_DEVICES"
CARDS = Path("/proc/driver/nvidia/gpus")  # a folder for each GPU
PATIENCE = 120  # seconds that a training has to save itself when it is told to end


class Running(Protocol):
    """A training under way, wherever it runs."""

    def poll(self) -> int | None:
        """Return its exit status, below zero for the signal that killed it; None while it runs."""

    def stop(self) -> None:
        """Tell it to save itself and end, and kill it if it has not within `PATIENCE` after the first call."""


class LocalProcess:
    """A training on this machine.

    Args:
        options: of tasks.train.
        log: file that what it says is added to.
        environment: variables that it has beside those of this process.
        folder: that it works in.
    """

    def __init__(self, options: Sequence[str], log: Path, environment: Mapping[str, str], folder: Path) -> None:
        known = os.environ.get("PYTHONPATH")
        path = str(ROOT) if not known else f"{ROOT}{os.pathsep}{known}"
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tasks.trials.leash", *options],
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={**os.environ, "PYTHONPATH": path, **environment},
                start_new_session=True,  # Ctrl-C in a terminal is for the driver, which passes it on
            )
        self._told: float | None = None  # when it was told to end

    def poll(self) -> int | None:
        """Return its exit status, below zero for the signal that killed it; None while it runs."""
        return self._process.poll()

    def stop(self) -> None:
        """Tell it to save itself and end, and kill it if it has not within `PATIENCE` after the first call."""
        if self._told is None:
            self._told = time.monotonic()
            self._process.send_signal(signal.SIGTERM)
        elif time.monotonic() - self._told > PATIENCE:
            self._process.kill()


def share_gpus(slot: int, jobs: int) -> str:
    """Return which of this machine's GPUs one of so many trainings at once sees; "" where there are less than two."""
    given = os.environ.get(GPUS)
    count = len(list(CARDS.iterdir())) if CARDS.is_dir() else 0
    gpus = [str(index) for index in range(count)] if given is None else [name for name in given.split(",") if name]
    return ",".join(gpus[slot::jobs] or gpus[slot % len(gpus) :][:1]) if len(gpus) > 1 else ""
