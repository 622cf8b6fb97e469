"""Trainings by two processes, of which one is killed, told to end or stopped at any moment: torchrun starts them again.

The run has to end with exit status 0, bit for bit as one that was never cut, and no later than the time-out allows.
"""

import os
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.faults.likeness import compare
from benchmarks.faults.row import Row
from tasks.runs.folder import CHECKPOINTS, LAST
from tests.support.several import find_ranks, several, start

TIMEOUT = 30  # seconds: trainer.timeout
KILL = 30  # seconds that torchrun gives a process to end
SLACK = 6  # times as long as the whole run, at most
SETTINGS = (
    "task=ssdlite",
    "backbone=small",
    "dataset.scenes={train: 19, val: 5}",
    "dataset.workers=0",
    "size=[64,96]",
    "batch_size=8",
    "trainer.save_every=1steps",
    "trainer.max_epochs=20",
    "trainer.check_val_every_n_epoch=10",
    "trainer.accelerator=cpu",
    "trainer.progress_bar=false",
    "logger=csv",
    f"trainer.timeout={TIMEOUT}",
)


class Fault(NamedTuple):
    """What happens to a run, and how often of so many it is tried."""

    what: str
    kind: signal.Signals
    ranks: tuple[int, ...] | None  # None: one of them, drawn
    share: float


FAULTS = (
    Fault("one of two processes killed", signal.SIGKILL, None, 1.0),
    Fault("SIGTERM to one of two processes", signal.SIGTERM, None, 0.2),
    Fault("SIGTERM to both", signal.SIGTERM, (0, 1), 0.2),
    Fault("one of two processes stopped", signal.SIGSTOP, None, 0.1),
)


class End(NamedTuple):
    """How a run ended."""

    wrong: str  # "" for nothing
    moment: float  # of the fault, seconds since the start
    seconds: float  # since the fault


def measure(count: int, folder: Path) -> list[Row]:
    """Provoke the first fault `count` times on runs in `folder`, the others less often."""
    rng, whole = random.Random(0), folder / "whole"
    run = start(command(whole))
    wait_for_ranks(run)
    begin = time.monotonic()
    said, _ = run.communicate()
    if run.returncode:
        raise RuntimeError(said)
    seconds = time.monotonic() - begin  # that the processes live
    rows = []
    for fault in FAULTS:
        of = max(1, round(fault.share * count))
        ends = [provoke(fault, whole, folder / f"{fault.kind.name}_{index}", seconds, rng) for index in range(of)]
        rows.append(describe(fault.what, ends))
    rows.append(describe("SIGTERM to torchrun, then resume=", [end_all(whole, folder / "agent", seconds, rng)]))
    return rows


def command(out: Path, *, restarts: int = 0) -> list[str]:
    """Return the command line of a run."""
    where = (f"dataset.root={out.parent / 'scenes'}", f"out={out}")
    return several(2, "tasks.train", *SETTINGS, *where, restarts=restarts)


def describe(what: str, ends: list[End]) -> Row:
    """Return what came of a fault."""
    wrong = [end.wrong for end in ends if end.wrong]
    first, last = min(end.moment for end in ends), max(end.moment for end in ends)
    note = f"after {first:.0f} to {last:.0f} s; slowest end {max(end.seconds for end in ends):.0f} s later"
    return Row(what, len(ends) - len(wrong), len(ends), f"{note}{'; ' if wrong else ''}{'; '.join(wrong[:2])}")


def provoke(fault: Fault, whole: Path, out: Path, seconds: float, rng: random.Random) -> End:
    """Start a run, send a signal within `seconds`, and see how it ends; one that was over by then is started again."""
    for attempt in range(10):
        folder = out.with_name(f"{out.name}_{attempt}")
        run = start(command(folder, restarts=1))
        try:
            wait_for_ranks(run)
            moment = rng.uniform(0, 0.9**attempt * seconds)
            time.sleep(moment)
            found = find_ranks(run.pid)
            if len(found) < 2:
                continue
            for rank in fault.ranks or (rng.randrange(2),):
                os.kill(found[rank], fault.kind)
            return see(run, whole, folder, moment, limit=TIMEOUT + KILL + SLACK * seconds)
        finally:
            end(run)
    raise RuntimeError(f"{out}: no run was under way when it was to be cut")


def wait_for_ranks(run: "subprocess.Popen[str]") -> None:
    """Wait until torchrun has started both processes."""
    while len(find_ranks(run.pid)) < 2:
        time.sleep(0.05)


def see(run: "subprocess.Popen[str]", whole: Path, out: Path, moment: float, *, limit: float) -> End:
    """Wait for the end of a run, and compare it with the whole one."""
    begin = time.monotonic()
    try:
        said, _ = run.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        return End(f"hangs {limit:.0f} s after {moment:.1f} s", moment, limit)
    took = time.monotonic() - begin
    if run.returncode:
        lines = [line for line in said.splitlines() if line.startswith("error: ")]
        return End(f"status {run.returncode} after {moment:.1f} s: {lines[-1:]}", moment, took)
    return End(compare(whole, out), moment, took)


def end_all(whole: Path, out: Path, seconds: float, rng: random.Random) -> End:
    """Tell torchrun to end, and go on with the run."""
    run = start(command(out))
    try:
        while not (out / CHECKPOINTS / LAST).is_file():
            time.sleep(0.1)
        moment = rng.uniform(0, 2)
        time.sleep(moment)
        run.terminate()
        run.communicate(timeout=TIMEOUT + KILL + SLACK * seconds)
        if run.returncode == 0:
            return End("ended with status 0 before its end", moment, 0)
    finally:
        end(run)
    again = start(several(2, "tasks.train", f"resume={out}"))
    try:
        return see(again, whole, out, moment, limit=SLACK * seconds)
    finally:
        end(again)


def end(run: "subprocess.Popen[str]") -> None:
    """End a run that has not ended, and its processes, which have sessions of their own."""
    if run.poll() is None:
        for pid in [*find_ranks(run.pid), run.pid]:
            os.kill(pid, signal.SIGKILL)
        run.communicate()
