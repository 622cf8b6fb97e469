"""What each loading process is at, noted in memory that all share, and what is said of one that hangs or dies."""

import multiprocessing
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import process as processes
from multiprocessing.sharedctypes import RawArray
from pathlib import Path

from torch.utils.data import get_worker_info

from data.cache import GIB, SHARED_MEMORY

DYING = 1.0  # seconds that a process whose connection is lost may take to end
JOINING = 5.0  # seconds to wait for a process that was killed
FIELDS = 3  # of a process on the board: its id, the sample it is at (-1: none), since when
DEATH = re.compile(r"DataLoader worker \(pid(?:\(s\))? (\d+)[^)]*\) (?:is killed by signal: ([\w ]+)|exited)")
STATES = {"T": "is stopped", "t": "is stopped by a debugger", "D": "waits for a disk", "Z": "is dead"}
CURES = {
    "Segmentation fault": "see whether that file can be read, or try dataset.workers=0",
    "Bus error": f"out of memory in {SHARED_MEMORY} (in a container: --shm-size), or a file shrank while it was read",
}


class Board:
    """Where each loading process notes what it is at, in memory that all share.

    Args:
        workers: how many processes.
        name: gives the file of a sample.
    """

    def __init__(self, workers: int, name: Callable[[int], str]) -> None:
        self._rows = RawArray("d", FIELDS * max(1, workers))
        self._workers = workers
        self._name = name

    @contextmanager
    def at(self, index: int) -> Iterator[None]:
        """Note that this process, if it is a loading process, is at a sample."""
        info = get_worker_info()
        if info is None or info.id >= self._workers:  # of a loader that is not watched
            yield
            return
        start = FIELDS * info.id
        self._rows[start : start + FIELDS] = (os.getpid(), index, time.monotonic())
        try:
            yield
        finally:
            self._rows[start + 1] = -1

    def describe(self, seconds: float) -> str:
        """Say, of processes that gave no batch for so long, which is to blame, and where it is."""
        rows = [self._row(worker) for worker in range(self._workers)]
        states = [_read_state(pid) for pid, _, _ in rows]
        at_work = [worker for worker, (_, index, _) in enumerate(rows) if index >= 0]
        wrong = [worker for worker, state in enumerate(states) if state in STATES]
        blamed = [*(w for w in wrong if w in at_work), *wrong, *sorted(at_work, key=lambda w: rows[w][2])]
        who = "no loading process is at a file"
        if blamed:
            pid, index, _ = rows[blamed[0]]
            state = STATES.get(states[blamed[0]], "is still at work")
            who = f"loading process {blamed[0]} (pid {pid}) {state}{self._where(index)}"
        return (
            f"dataset.timeout={seconds:g}: no batch for {seconds:g} seconds; {who}; {describe_shared_memory()}; "
            "expected a batch sooner: see whether that file's disk answers, or give a higher dataset.timeout"
        )

    def describe_death(self, error: BaseException) -> str | None:
        """Say which process died, if an error tells of one on this board: torch's own, or that of a lost connection."""
        found = DEATH.search(str(error))
        pids = [self._row(worker)[0] for worker in range(self._workers)]
        pid, signal = (int(found[1]), (found[2] or "").strip()) if found else (0, "")
        if isinstance(error, ConnectionError | EOFError | FileNotFoundError):
            pid = _find_dead(pids)
        if not pid or pid not in pids:
            return None
        worker = pids.index(pid)
        how = f"ended by a signal: {signal}" if signal else "ended"
        cure = CURES.get(signal, "perhaps killed as memory ran out; try dataset.workers=0, or fewer than now")
        return f"loading process {worker} (pid {pid}) {how}{self._where(self._row(worker)[1])}; {cure}"

    def end(self) -> None:
        """Kill the processes on this board: one that is stopped takes no milder signal."""
        pids = {self._row(worker)[0] for worker in range(self._workers)}
        mine = [process for process in multiprocessing.active_children() if process.pid in pids]
        for process in mine:
            with suppress(RuntimeError):  # torch's answer to a process that dies
                process.kill()
        for process in mine:
            with suppress(RuntimeError):
                process.join(JOINING)
            if process.is_alive():  # as one that waits for a disk: nobody else is to wait for it
                processes._children.discard(process)  # type: ignore[attr-defined]

    def _row(self, worker: int) -> tuple[int, int, float]:
        pid, index, since = self._rows[FIELDS * worker : FIELDS * (worker + 1)]
        return int(pid), int(index) if pid else -1, since

    def _where(self, index: int) -> str:
        return f" at {self._name(index)}" if index >= 0 else ""


def _read_state(pid: int) -> str:
    """Return the letter that Linux has for the state of a process; "" where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return ""


def _find_dead(pids: Sequence[int]) -> int:
    """Return the first of these processes that has ended, or is about to; 0 where none has."""
    deadline = time.monotonic() + DYING
    while time.monotonic() < deadline:
        alive = {process.pid for process in multiprocessing.active_children()}
        dead = [pid for pid in pids if pid and pid not in alive]
        if dead:
            return dead[0]
        time.sleep(0.01)
    return 0


def describe_shared_memory() -> str:
    """Say how much of the memory that processes share is free."""
    if not SHARED_MEMORY.is_dir():
        return f"no {SHARED_MEMORY} on this machine"
    usage = shutil.disk_usage(SHARED_MEMORY)
    return f"{usage.free / GIB:.2f} of {usage.total / GIB:.2f} GiB are free in {SHARED_MEMORY}"
