"""Loading processes that are stopped, killed or crash at a random moment of a training, and a /dev/shm that is small.

Each has to end the run with one line that names the process, with exit status 1, soon after the time-out.
"""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.faults.row import Row

TIMEOUT = 4  # seconds: dataset.timeout
LEAST = 15.0  # seconds that a run may take to end beyond that
BEGINNING = 120.0  # seconds until a run has to be under way
SIGNALS = {"stopped": signal.SIGSTOP, "killed": signal.SIGKILL, "crashed": signal.SIGSEGV}
SETTINGS = (
    "task=ssdlite",
    "backbone=small",
    "dataset.scenes={train: 12, val: 4}",
    "size=[64,96]",
    "batch_size=3",
    "trainer.max_epochs=1000",
    "trainer.accelerator=cpu",
    "trainer.progress_bar=false",
    "logger=none",
    f"dataset.timeout={TIMEOUT}",
)


class Ended(NamedTuple):
    """How a run ended."""

    status: int | None  # None: it did not
    said: str
    seconds: float  # since the fault

    def held(self, pattern: str) -> bool:
        """Tell whether it ended in time, with one line that fits a pattern."""
        lines = [line for line in self.said.splitlines() if line.startswith("error: ")]
        named = len(lines) == 1 and re.search(pattern, lines[0]) is not None
        return self.status == 1 and named and "Traceback" not in self.said and self.seconds < TIMEOUT + LEAST


def measure(count: int, folder: Path) -> list[Row]:
    """Provoke each fault `count` times on trainings in `folder`."""
    rng = random.Random(0)
    rows = []
    for what, number in SIGNALS.items():
        ends = [provoke(number, folder / f"{what}_{index}", workers=1 + index % 2, rng=rng) for index in range(count)]
        held = sum(end.held(r"loading process \d+ \(pid \d+\) (is stopped|ended)") for end in ends)
        slowest = max(end.seconds for end in ends)
        rows.append(Row(f"loading process {what}", held, count, f"slowest end {slowest:.1f} s, timeout {TIMEOUT} s"))
    if shutil.which("unshare") and os.geteuid() == 0:
        said = run_in_small_memory(folder / "memory")
        rows.append(
            Row("/dev/shm too small", int("are free in /dev/shm" in said and "epoch" not in said), 1, "128 KiB")
        )
    return rows


def provoke(number: int, out: Path, *, workers: int, rng: random.Random) -> Ended:
    """Train, send a signal to one of the loading processes, and see how the run ends."""
    command = [sys.executable, "-m", "tasks.train", *SETTINGS, f"dataset.workers={workers}", f"out={out}"]
    command.append(f"dataset.root={out.parent / 'scenes'}")
    log = out.with_suffix(".log")
    out.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as file:
        run = subprocess.Popen(command, stderr=file, stdout=file, start_new_session=True)
    try:
        victims = wait_for_children(run, log)
        time.sleep(rng.uniform(0, 1))
        os.kill(rng.choice(victims), number)
        begin = time.monotonic()
        try:
            status: int | None = run.wait(TIMEOUT + LEAST)
        except subprocess.TimeoutExpired:
            status = None
        return Ended(status, log.read_text(), time.monotonic() - begin)
    finally:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)


def wait_for_children(run: "subprocess.Popen[bytes]", log: Path) -> list[int]:
    """Return the ids of a run's loading processes, once it has trained and evaluated an epoch."""
    deadline = time.monotonic() + BEGINNING
    children = Path(f"/proc/{run.pid}/task/{run.pid}/children")
    while time.monotonic() < deadline and run.poll() is None:
        if "epoch" in log.read_text() and (found := children.read_text().split()):
            return [int(pid) for pid in found]
        time.sleep(0.05)
    raise RuntimeError(f"{log}: the run did not begin")


def run_in_small_memory(out: Path) -> str:
    """Train where /dev/shm has 128 KiB, and return what the run says."""
    words = [sys.executable, "-m", "tasks.train", *SETTINGS, "dataset.workers=2", f"out={out}"]
    words.append(f"dataset.root={out.parent / 'scenes'}")
    script = 'mount -t tmpfs -o size=128k tmpfs /dev/shm && exec "$@"'
    command = ["unshare", "--mount", "sh", "-c", script, "sh", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=BEGINNING, check=False).stderr
