"""Signals that end a run: after the step under way, which is saved, or at once where there is nothing to save."""

import logging
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from data.signals import ENDING
from tasks.cli.failures import Stopped
from tasks.processes import count, find_largest

logger = logging.getLogger(__name__)

JOB = "SLURM_JOB_ID"
ARRAY = ("SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID")
PATIENCE = 30  # seconds for SLURM to answer


class Signals:
    """Hears SIGTERM, SIGUSR1, SIGHUP and Ctrl-C while the context lasts; those that were ignored before stay so.

    The first ends the run; a Ctrl-C after it ends it at once.

    Attributes:
        received: the first signal; None so far. Of several processes that work together, the one that all have agreed
            on: each must leave after the same step.
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._heard: signal.Signals | None = None  # by this process
        self._waits = False  # whether something has to be saved first
        self._process = os.getpid()
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "Signals":
        """Begin to hear; only the main thread can."""
        if threading.current_thread() is threading.main_thread():
            heard = [number for number in ENDING if signal.getsignal(number) != signal.SIG_IGN]
            self._before = {number: signal.signal(number, self._hear) for number in heard}
        return self

    def __exit__(self, *error: object) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Have signals wait in this context, until `check` is called.

        Raises:
            Stopped: at the end, if one came since.
        """
        self._waits = True
        try:
            yield
        finally:
            self._waits = False
        self.agree()
        self.check()

    def agree(self, *numbers: int) -> list[int]:
        """Take over a signal that any process has heard; return the largest of each number over all processes."""
        heard, *largest = find_largest([self._heard or 0, *numbers])
        self.received = signal.Signals(heard) if heard else None
        return largest

    def check(self) -> None:
        """Stop if a signal came.

        Raises:
            Stopped: naming it.
        """
        if self.received is not None:
            raise Stopped(self.received)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process:  # a process that was just started and has no handlers of its own yet
            return
        if self._heard is None:
            self._heard = signal.Signals(number)
            if not self._waits:
                raise Stopped(self._heard)
            if count() == 1:
                self.received = self._heard
        elif number == signal.SIGINT:
            raise KeyboardInterrupt


def requeue_job(received: signal.Signals) -> None:
    """Have SLURM start this job again, where the signal is the one by which it says that time is up."""
    job = os.environ.get(JOB)
    if job is None or received.name != "SIGUSR1":
        return
    if all(name in os.environ for name in ARRAY):
        job = "_".join(os.environ[name] for name in ARRAY)
    try:
        subprocess.run(["scontrol", "requeue", job], check=True, capture_output=True, text=True, timeout=PATIENCE)
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or error
        logger.warning("SLURM's job %s is not requeued: %s", job, str(said).strip())
    else:
        logger.info("SLURM's job %s is requeued", job)
