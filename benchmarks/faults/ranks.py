"""Trainings by two processes, of which one is killed, told to end or stopped at any moment: torchrun starts them again.

Usage:
    python -m benchmarks.faults.ranks COUNT FOLDER    # prints a line for each run

The run has to end with exit status 0, bit for bit as one that was never cut, and no later than the time-out allows.
Torchrun's own agent is forked for each from a process that has imported everything, and forks its processes.
"""

import json
import logging
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from benchmarks.faults.likeness import compare
from benchmarks.faults.row import Row
from tasks.cli.entry import clear_errors
from tasks.processes import together
from tasks.runs.folder import CHECKPOINTS, LAST
from tasks.train.command import train
from tests.support.figures import save_blank
from tests.support.runs import load_config, small_run

ROOT = Path(__file__).parents[2]
TIMEOUT = 90  # seconds: trainer.timeout
LIMIT = 600  # seconds that a run may take on a busy machine
WAIT = 0.02  # seconds between two looks
SETTINGS = (
    "dataset.scenes={train: 13, val: 4}",
    "batch_size=4",
    "trainer.save_every=1steps",
    "trainer.max_epochs=4",
    "trainer.check_val_every_n_epoch=2",
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
    moment: float  # of the fault, seconds since the processes began
    seconds: float  # since the fault


class Agent:
    """Torchrun's agent in a process of its own, with two processes that train.

    Args:
        out: folder of the run.
        options: of the command; of a run that goes on, `resume=` alone.
        restarts: that it may do.
    """

    def __init__(self, out: Path, *options: str, restarts: int = 0) -> None:
        self.log = out.with_name(f"{out.name}.log")
        self.begin = time.monotonic()
        self.pid = os.fork()
        self.status: int | None = None
        if not self.pid:
            try:
                os.setsid()
                said = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
                os.dup2(said, 1)
                os.dup2(said, 2)
                work(out, options, restarts)
                os._exit(0)
            finally:
                os._exit(1)

    def find_ranks(self) -> list[int]:
        """Return the processes that train, in their order."""
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    def poll(self) -> bool:
        """Tell whether it has ended."""
        if self.status is None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            self.status = os.waitstatus_to_exitcode(status) if ended else None
        return self.status is not None

    def wait_for_ranks(self) -> None:
        """Wait until both train."""
        while len(self.find_ranks()) < 2 and not self.poll():
            time.sleep(WAIT)

    def finish(self, whole: Path, out: Path, moment: float) -> End:
        """Wait for the end, and compare the run with the whole one."""
        begin = time.monotonic()
        while not self.poll() and time.monotonic() - begin < LIMIT:
            time.sleep(WAIT)
        took = time.monotonic() - begin
        if self.status is None:
            for pid in [*self.find_ranks(), self.pid]:
                os.kill(pid, signal.SIGKILL)
            return End(f"hangs {took:.0f} s after {moment:.1f} s", moment, took)
        if self.status:
            errors = [line for line in self.log.read_text().splitlines() if line.startswith("error: ")]
            return End(f"status {self.status} after {moment:.1f} s: {errors[-1:]}", moment, took)
        return End(compare(whole, out), moment, took)


def work(out: Path, options: tuple[str, ...], restarts: int) -> None:
    """Be torchrun's agent."""
    settings = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=2,
        run_id=out.name,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=restarts,
        start_method="fork",
        monitor_interval=0.1,
    )
    elastic_launch(settings, train_here)(str(out), options)


def train_here(out: str, options: tuple[str, ...]) -> None:
    """Be one of the processes: what `tasks.train` does."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", force=True)
    given = (
        load_config("train", *options)
        if options[0].startswith("resume=")
        else small_run("ssdlite", Path(out), *options)
    )
    with clear_errors(debug=False), together("cpu", timeout=TIMEOUT):
        train(given)


def measure(count: int, folder: Path) -> list[Row]:
    """Provoke the first fault `count` times on runs in `folder`, the others less often."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "benchmarks.faults.ranks", str(count), str(folder.resolve())]
    subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    return [Row(*values) for values in json.loads((folder / "rows.json").read_text())]


def main(count: int, folder: Path) -> None:
    """Do what `measure` asks for; nothing is calculated in this process, from which all are forked."""
    Figure.savefig = save_blank  # type: ignore[method-assign, assignment]
    rng, whole, options = random.Random(0), folder / "whole", (*SETTINGS, f"dataset.root={folder / 'scenes'}")
    run = Agent(whole, *options)
    run.wait_for_ranks()
    begin = time.monotonic()
    end = run.finish(whole, whole, 0)
    seconds = time.monotonic() - begin  # that the processes live
    if end.wrong:
        raise RuntimeError(end.wrong)
    rows = []
    for fault in FAULTS:
        ends = []
        for index in range(max(1, round(fault.share * count))):
            ends.append(provoke(fault, whole, folder / f"{fault.kind.name}_{index}", seconds, rng, options))
            print(f"{fault.what}: {ends[-1]}", flush=True)
        rows.append(describe(fault.what, ends))
        (folder / "rows.json").write_text(json.dumps(rows))
    rows.append(describe("SIGTERM to torchrun, then resume=", [end_all(whole, folder / "agent", rng, options)]))
    (folder / "rows.json").write_text(json.dumps(rows))


def describe(what: str, ends: list[End]) -> Row:
    """Return what came of a fault."""
    wrong = [end.wrong for end in ends if end.wrong]
    first, last = min(end.moment for end in ends), max(end.moment for end in ends)
    note = f"after {first:.1f} to {last:.1f} s; slowest end {max(end.seconds for end in ends):.0f} s later"
    return Row(what, len(ends) - len(wrong), len(ends), f"{note}{'; ' if wrong else ''}{'; '.join(wrong[:2])}")


def provoke(fault: Fault, whole: Path, out: Path, seconds: float, rng: random.Random, options: tuple[str, ...]) -> End:
    """Start a run, send a signal within `seconds`, and see how it ends; one that was over by then is started again."""
    for attempt in range(10):
        folder = out.with_name(f"{out.name}_{attempt}")
        run = Agent(folder, *options, restarts=1)
        run.wait_for_ranks()
        moment = rng.uniform(0, 0.9**attempt * seconds)
        time.sleep(moment)
        found = run.find_ranks() if not run.poll() else []
        if len(found) < 2:
            run.finish(whole, folder, moment)
            continue
        for rank in fault.ranks or (rng.randrange(2),):
            os.kill(found[rank], fault.kind)
        return run.finish(whole, folder, moment)
    raise RuntimeError(f"{out}: no run was under way when it was to be cut")


def end_all(whole: Path, out: Path, rng: random.Random, options: tuple[str, ...]) -> End:
    """Tell torchrun to end, and go on with the run."""
    run = Agent(out, *options)
    while not (out / CHECKPOINTS / LAST).is_file() and not run.poll():
        time.sleep(WAIT)
    moment = rng.uniform(0, 1)
    time.sleep(moment)
    os.kill(run.pid, signal.SIGTERM)
    if run.finish(whole, out, moment).wrong == "":
        return End("ended with status 0 before its end", moment, 0)
    return Agent(out, f"resume={out}").finish(whole, out, moment)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
