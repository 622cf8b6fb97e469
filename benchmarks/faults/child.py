"""A training run as a forked process that leads a group of its own: it can be killed with all that it started."""

import atexit
import logging
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import lightning as L

from tasks.cli.entry import clear_errors
from tasks.train.command import train
from tasks.train.config import TrainConfig
from tasks.train.progress import Progress

WAIT = 0.002  # seconds between two looks
BEGUN, SAID = "begun", "said.txt"  # files of a process


class Child:
    """A run in a process of its own, which leads a group.

    Args:
        process: its id.
        place: where it writes what it says, and that it has begun.
    """

    def __init__(self, process: int, place: Path) -> None:
        self.process = process
        self.place = place
        self.status: int | None = None

    def _poll(self) -> bool:
        if self.status is None:
            ended, status = os.waitpid(self.process, os.WNOHANG)
            self.status = os.waitstatus_to_exitcode(status) if ended else None
        return self.status is not None

    def wait_for(self, path: Path) -> float:
        """Wait until a file is there, or the run has ended; return when."""
        while not path.exists() and not self._poll():
            time.sleep(WAIT)
        return time.monotonic()

    def wait_until_begun(self) -> float:
        """Wait until the first step begins."""
        return self.wait_for(self.place / BEGUN)

    def wait(self) -> int:
        """Wait until the run has ended, and return its exit status."""
        while not self._poll():
            time.sleep(WAIT)
        return int(self.status or 0)

    def send(self, kind: signal.Signals) -> None:
        """Send a signal to the run and its loading processes."""
        with suppress(ProcessLookupError):
            os.killpg(self.process, kind)

    def said(self) -> str:
        """Return the last line that it wrote."""
        return ((self.place / SAID).read_text().strip().splitlines() or ["nothing"])[-1]


def start(place: Path, configure: Callable[[], TrainConfig]) -> Child:
    """Start a run as a forked process."""
    place.mkdir(parents=True, exist_ok=True)
    (place / BEGUN).unlink(missing_ok=True)
    process = os.fork()
    if process:
        return Child(process, place)
    status = 1
    try:
        os.setpgid(0, 0)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        said = os.open(place / SAID, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(said, 1)
        os.dup2(said, 2)
        logging.basicConfig(level=logging.INFO, format="%(message)s", force=True)
        status = run_here(configure(), place / BEGUN)
    finally:
        atexit._run_exitfuncs()  # of the loading processes
        os._exit(status)


def run_here(config: TrainConfig, begun: Path) -> int:
    """Train, and return the exit status of the command."""
    begin = Progress.on_train_start

    def note(self: Progress, trainer: L.Trainer, module: L.LightningModule) -> None:
        begin(self, trainer, module)
        begun.touch()

    Progress.on_train_start = note  # type: ignore[method-assign]
    try:
        with clear_errors(debug=False):
            train(config)
    except SystemExit as error:
        return int(error.code or 0)
    return 0
