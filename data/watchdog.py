"""Loading processes under watch: one that stops, hangs or dies is named, with the file it was at, and all are ended.

torch waits for ever for a process that is stopped, as it then neither dies nor answers; and a process that is stopped
or waits for a disk that has gone would be waited for once more when this program ends.
"""

import atexit
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from threading import Event, Lock, Thread
from typing import Any
from weakref import WeakSet

import torch
from torch.utils.data import DataLoader, get_worker_info

from data.board import Board
from data.errors import LoadingError
from data.signals import signals_held

GRACE = 10.0  # seconds that this program may take to notice that the processes it waits for are ended
FAILURE = 1  # exit status, as `tasks.cli` has it for what failed


class Watchdog:
    """Ends the processes of a board when one batch is waited for too long.

    It does so from a thread of its own, as the main one may wait where no time-out reaches: for a stopped process to
    hand over the batch that it has made.
    """

    def __init__(self, board: Board, patience: float) -> None:
        self._board, self._patience = board, patience
        self._waited: float | None = None  # seconds for a batch; None while none is asked for
        self._failure: str | None = None
        self._lock = Lock()  # a batch that comes in the last moment is not one that never came
        self._over = Event()
        self._thread = Thread(target=self._watch, daemon=True, name="watchdog")

    def __enter__(self) -> "Watchdog":
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Let the thread end."""
        self._over.set()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Watch what is done in this context.

        Raises:
            LoadingError: if it took too long.
        """
        with self._lock:
            self._waited = 0.0
        try:
            yield
        except Exception:  # whatever the end of the processes led to, it is no news where that was ours
            if self._failure is None:
                raise
        finally:
            with self._lock:
                self._waited = None
        if self._failure is not None:
            self._over.set()
            self._thread.join()  # until all processes are ended
            raise LoadingError(self._failure)

    def _watch(self) -> None:
        tick, before = min(1.0, self._patience / 10), time.monotonic()
        while not self._over.wait(tick):
            now = time.monotonic()
            # A tick that took long is one in which this program was stopped itself, and its processes with it.
            passed, before = min(now - before, 2 * tick), now
            with self._lock:
                if self._waited is None:
                    continue
                self._waited += passed
                if self._waited > self._patience:
                    self._failure = self._board.describe(self._patience)
            if self._failure is not None:
                self._board.end()
                if not self._over.wait(GRACE):  # nothing else gets this program out of where it waits
                    sys.stderr.write(f"error: {self._failure}\n")
                    sys.stderr.flush()
                    os._exit(FAILURE)
                return


class WatchedLoader(DataLoader):
    """A DataLoader that ends with an error where torch's would wait for ever.

    Its processes leave signals to this one, which decides when they end: those that go to all processes of a group, as
    Ctrl-C does, or of a job would end them in the middle of a step.

    Args:
        data: as torch takes it.
        board: that its processes write to.
        patience: seconds to wait for a batch.
        **settings: torch's own.
    """

    def __init__(self, data: Any, *, board: Board, patience: float, **settings: Any) -> None:
        super().__init__(data, **settings)
        self.board, self.patience = board, patience

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        """Yield batches; processes are started at once, not with the first batch.

        Raises:
            LoadingError: if a process hangs or dies.
        """
        if not self.num_workers:
            return super().__iter__()
        with Watchdog(self.board, self.patience) as watchdog, watchdog.waiting():  # processes that go on have to answer
            batches = super().__iter__()
        _boards.add(self.board)
        _end_processes_at_exit()
        return self._watch(batches)

    def _get_iterator(self) -> Any:
        with signals_held():  # processes that are started inherit it
            return super()._get_iterator()

    def _watch(self, batches: Iterator[Any]) -> Iterator[Any]:
        with Watchdog(self.board, self.patience) as watchdog:
            while True:
                with watchdog.waiting(), name_deaths([self]):
                    batch = next(batches, None)
                if batch is None:
                    return
                yield batch


@contextmanager
def name_deaths(loaders: Sequence[DataLoader]) -> Iterator[None]:
    """Say of a loading process that dies, which may be noticed anywhere, what it was at.

    Raises:
        LoadingError: in place of torch's error.
    """
    try:
        yield
    except (RuntimeError, OSError, EOFError) as error:
        boards = [loader.board for loader in loaders if isinstance(loader, WatchedLoader)]
        try:
            found = _find_death(boards, error)
        except RuntimeError as later:  # torch's own of the same death: its signal handler raises anywhere
            found = _find_death(boards, later)
        if found is None:
            raise
        board, said = found
        board.end()
        raise LoadingError(said) from error


def _find_death(boards: Sequence[Board], error: BaseException) -> tuple[Board, str] | None:
    """Return the board of the process whose death an error tells of, and what to say; None where it tells of none."""
    said = ((board, board.describe_death(error)) for board in boards)
    return next(((board, words) for board, words in said if words is not None), None)


_boards: WeakSet[Board] = WeakSet()


@cache
def _end_processes_at_exit() -> None:
    """Kill the processes that are left when this program ends; called after torch and Python registered theirs."""

    def end() -> None:
        for board in _boards:
            board.end()

    atexit.register(end)


def collate_shared(items: Sequence[Any], *, collate: Callable[[Any], Any]) -> Any:
    """Make a batch, and where this is a loading process move its tensors into the memory that processes share.

    torch would do it while it sends the batch, in a thread whose errors go nowhere: a full /dev/shm was a hang.
    """
    batch = collate(items)
    if get_worker_info() is not None:
        for value in batch:
            if isinstance(value, torch.Tensor):
                value.share_memory_()
    return batch
