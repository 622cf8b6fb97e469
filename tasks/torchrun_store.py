"""What torchrun keeps for the processes that it starts, also for the next start: signs of life, the run's folder."""

import os
import platform
import time
from contextlib import suppress
from itertools import count as count_from
from pathlib import Path
from threading import Event, Thread
from uuid import uuid4

import torch.distributed as dist
from torch._C._distributed_c10d import PrefixStore, TCPStore

from data.dealing import Share
from data.errors import RunError
from tasks.torchrun import is_inside

ATTEMPT = "TORCHELASTIC_RESTART_COUNT"  # which start this is, from 0; on one machine
FOLDER = "bneck/folder"  # of the run, behind the start that began it
START = "BNECK_START"  # the name of this start, where several processes have agreed on one
ASKED, ANSWERED, TAKEN = "bneck/asked", "bneck/answered", "bneck/taken"  # see `agree_on_start`
PULSE = 1.0  # seconds
STARTING = 120.0  # seconds that processes may start after each other, on a busy machine or from a network's disk
GLANCE = 0.05  # seconds between two looks at what the others say
DONE = "done"


class Heartbeat:
    """Signs of life, kept by torchrun: how many exchanges each process has begun, and a pulse from a thread of each.

    Args:
        share: of this process.
        prefix: of the keys.
    """

    def __init__(self, share: Share, prefix: str) -> None:
        self.share = share
        self.store, self._pulses = (
            PrefixStore(prefix, _keep()),
            PrefixStore(prefix, _keep()),
        )  # one for each thread
        self.count = self._steps = 0
        self._over = Event()
        self._thread = Thread(target=self._live, daemon=True, name="pulse")
        self.beat()
        self.advance()
        self._thread.start()

    def beat(self) -> None:
        """Note that this process begins an exchange."""
        self.count += 1
        self.store.set(f"beat/{self.share.rank}", f"{self.count} {platform.node()} {os.getpid()}")

    def advance(self, *, done: bool = False) -> None:
        """Note that this process has got on with what it does by itself, or is done with it."""
        self._steps += 1
        self.store.set(self._name_steps(self.share.rank), DONE if done else str(self._steps))

    def find_slow(self, timeout: float) -> list[str]:
        """Wait until all are done with what each does by itself; return those that stand still for so many seconds."""
        ranks = range(self.share.world)
        before: list[str] = []
        while True:
            now = [self.store.get(self._name_steps(rank)).decode() for rank in ranks]
            late = [rank for rank in ranks if now[rank] != DONE]
            if now != before:
                before, since = now, time.monotonic()
            if not late or time.monotonic() - since > timeout:
                break
            time.sleep(PULSE)
        return [self._name_process(rank, self.store.get(f"beat/{rank}").decode().split()) for rank in late]

    def end(self) -> None:
        """End the thread."""
        self._over.set()

    def find_missing(self) -> list[str]:
        """Return the processes that have not begun what this one waits for; if all have, those without a pulse."""
        ranks = range(self.share.world)
        beats = [self.store.get(f"beat/{rank}").decode().split() for rank in ranks]
        missing = [rank for rank in ranks if int(beats[rank][0]) < self.count]
        if not missing:
            before = self._read_pulses()
            time.sleep(3 * PULSE)
            after = self._read_pulses()
            missing = [rank for rank in ranks if before[rank] == after[rank]]
        return [self._name_process(rank, beats[rank]) for rank in missing]

    def _name_process(self, rank: int, beat: list[str]) -> str:
        return f"rank {rank} (process {beat[2]} on {beat[1]})"

    def _name_steps(self, rank: int) -> str:
        return f"steps/{rank}"

    def _read_pulses(self) -> list[bytes]:
        return [self.store.get(f"pulse/{rank}") for rank in range(self.share.world)]

    def _live(self) -> None:
        with suppress(dist.DistError, RuntimeError):  # torchrun has gone
            for number in count_from(1):
                self._pulses.set(f"pulse/{self.share.rank}", str(number))
                if self._over.wait(PULSE):
                    return


def agree_on_start(share: Share) -> str:
    """Return a name for this start of the processes that no other start has, the same in all of them.

    Torchrun's own count is no such name: a machine whose processes all live does not count the start that another one
    needs. What ended processes have written is still there, so the first process asks, and every other one goes on only
    once its own answer has been taken.

    Raises:
        RunError: naming a process that does not answer in time.
    """
    store, deadline, own = _keep(), time.monotonic() + STARTING, uuid4().hex
    if share.rank == 0:
        store.set(ASKED, own)
        for rank in range(1, share.world):
            while not (answer := _look(store, f"{ANSWERED}/{rank}")).startswith(own):
                _wait(deadline, f"rank {rank}", share)
            store.set(f"{TAKEN}/{answer}", "")
        name = own
    else:
        name = ""
        while not (name and store.check([f"{TAKEN}/{name} {own}"])):
            asked = _look(store, ASKED)
            if asked != name:
                name = asked
                store.set(f"{ANSWERED}/{share.rank}", f"{name} {own}")
            _wait(deadline, "rank 0", share)
    os.environ[START] = name
    return name


def _look(store: TCPStore, key: str) -> str:
    return store.get(key).decode() if store.check([key]) else ""


def _wait(deadline: float, who: str, share: Share) -> None:
    if time.monotonic() > deadline:
        here = f"rank {share.rank} of {share.world}"
        raise RunError(f"{here}: {who} did not start in time; it hangs, or its machine is cut off")
    time.sleep(GLANCE)


def remember_folder(out: Path) -> None:
    """Note the folder of a run that begins, for the case that torchrun starts it again."""
    if is_inside():
        _keep().set(FOLDER, f"{_name_start()} {out.absolute()}")


def recall_folder() -> Path | None:
    """Return the folder of the run that torchrun starts again; None for a new one."""
    if not is_inside():
        return None
    start, _, folder = _look(_keep(), FOLDER).partition(" ")
    return Path(folder) if folder and start != _name_start() else None


def _name_start() -> str:
    return os.environ.get(START, os.environ.get(ATTEMPT, "0"))


def _keep() -> TCPStore:
    """Return torchrun's own store, which outlives the processes."""
    return TCPStore(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), is_master=False)
