"""Several processes that work as one: which of them this is, and what they tell each other.

torchrun starts them, and `together` joins them. A process alone is the first of one: nothing here then does anything.
Tensors on a CPU travel by gloo, those on a GPU by NCCL; every exchange is one that all processes make, in one order.
"""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from threading import Thread
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch._C._distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from data.config import count_beside
from data.dealing import ALONE, Share
from data.errors import InputError, RunError
from tasks.hardware import choose_device
from tasks.torchrun import is_inside
from tasks.torchrun_store import Heartbeat, agree_on_start

Value = TypeVar("Value")

PATIENCE = 600.0  # seconds that an evaluation of its own waits for another process
ANSWER = 10.0  # seconds in which torchrun's store says who is missing
FAILURE = 1  # exit status of a process that another one's error ends
TIMEOUTS = ("Timed out", "timed out", "wait timeout")  # how torch says that another process is silent
ENDINGS = ("Connection closed", "Connection reset", "Broken pipe")  # and that it has ended


_beats: Heartbeat | None = None


def find_share() -> Share:
    """Return which of how many processes this is."""
    if not (dist.is_available() and dist.is_initialized()):
        return ALONE
    return Share(dist.get_rank(), dist.get_world_size())


def count() -> int:
    """Return how many processes there are."""
    return find_share().world


def is_first() -> bool:
    """Tell whether this is the process that writes files and speaks."""
    return find_share().rank == 0


def local_rank() -> int:
    """Return which process of this machine this is."""
    return int(os.environ.get("LOCAL_RANK", "0")) if count() > 1 else 0


@contextmanager
def together(accelerator: str, *, timeout: float) -> Iterator[None]:
    """Join the processes that torchrun started; alone, do nothing.

    Args:
        accelerator: Lightning's name of the devices.
        timeout: seconds that one process waits for another.

    Raises:
        InputError: if there are more processes than GPUs.
        RunError: if another process has ended, or does not answer in time, naming it.
    """
    if not is_inside() or os.environ.get("WORLD_SIZE", "1") == "1":
        yield
        return
    on_gpu, here = choose_device(accelerator).type == "cuda", count_beside()
    if on_gpu and here > torch.cuda.device_count():
        raise InputError(
            f"torchrun: {here} processes on this machine, which has {torch.cuda.device_count()} GPUs; expected at most "
            "as many, or cpu as the accelerator"
        )
    global _beats
    store, rank, world = next(iter(rendezvous("env://", timeout=timedelta(seconds=timeout))))
    prefix = f"bneck/start/{agree_on_start(Share(rank, world))}"  # what ended processes wrote is not read
    store = PrefixStore(prefix, store)
    if on_gpu:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group(
        "cpu:gloo,cuda:nccl" if on_gpu else "gloo",
        store=store,
        rank=rank,
        world_size=world,
        timeout=timedelta(seconds=timeout),
    )
    if rank:
        logging.disable(logging.WARNING)
    _beats = Heartbeat(Share(rank, world), prefix)
    try:
        yield
    except (RuntimeError, dist.DistError) as error:
        if isinstance(error, RunError) or not any(sign in str(error) for sign in TIMEOUTS + ENDINGS):
            raise
        raise RunError(_name_failure(error, _beats, timeout)) from error
    finally:
        _beats.end()
        _beats = None
        if on_gpu:
            dist.destroy_process_group()


def _name_here(beats: Heartbeat) -> str:
    return f"rank {beats.share.rank} of {beats.share.world}"


def _name_failure(error: Exception, beats: Heartbeat, timeout: float) -> str:
    here = _name_here(beats)
    if not any(sign in str(error) for sign in TIMEOUTS):
        return f"{here}: another process has ended; what it said stands above or below"
    missing: list[str] = []

    def ask() -> None:
        with suppress(dist.DistError, RuntimeError):  # torchrun itself has gone
            missing.extend(beats.find_missing())

    asking = Thread(target=ask, daemon=True)  # which never ends where the store's machine is cut off
    asking.start()
    asking.join(ANSWER)
    who = ", ".join(missing) or "another process"
    return f"{here}: {who} did not answer within {timeout:g} s; it hangs, is stopped, or its machine is cut off"


def from_first(make: Callable[[], Value]) -> Value:
    """Have the first process make something, and return it to all; if that fails, only the first says why.

    Raises:
        SystemExit: in the other processes, if the first failed.
    """
    if count() == 1:
        return make()
    _beat()
    held: list[Any] = [None]
    if is_first():
        try:
            held = [(True, make())]
        except BaseException:
            dist.broadcast_object_list([(False, None)], src=0)
            raise
    dist.broadcast_object_list(held, src=0)
    succeeded, value = held[0]
    if not succeeded:
        raise SystemExit(FAILURE)
    return value


@contextmanager
def first_goes_first() -> Iterator[None]:
    """Let the first process do what is in this context before the others: they find the files that it made.

    Raises:
        SystemExit: in the other processes, if the first failed.
    """
    if not is_first():
        from_first(lambda: None)
    try:
        yield
    except BaseException:
        if is_first() and count() > 1:
            dist.broadcast_object_list([(False, None)], src=0)
        raise
    if is_first():
        from_first(lambda: None)


def gather(value: Value) -> list[Value]:
    """Return the values of all processes to the first, in their order; to the others none."""
    if count() == 1:
        return [value]
    _beat()
    found: list[Any] | None = [None] * count() if is_first() else None
    dist.gather_object(value, found, dst=0)
    return found or []


def advance() -> None:
    """Tell the others that this process gets on with its part of what each does by itself."""
    if _beats is not None:
        _beats.advance()


def wait_for_all() -> None:
    """Wait until all are done with their parts, however long that takes, as long as they get on.

    Raises:
        RunError: naming those that do not.
    """
    if _beats is None:
        return
    _beats.advance(done=True)
    slow = _beats.find_slow(PATIENCE)
    if slow:
        raise RunError(f"{_name_here(_beats)}: {', '.join(slow)} got no further within {PATIENCE:g} s; it hangs")


def interleave(parts: list[list[Value]]) -> list[Value]:
    """Put what was dealt out as parts[i % world][i // world] back into one row."""
    longest = max(map(len, parts), default=0)
    return [part[row] for row in range(longest) for part in parts if row < len(part)]


def sum_up(number: int) -> int:
    """Return the sum of a number over all processes."""
    if count() == 1:
        return number
    _beat()
    total = torch.tensor(number)
    dist.all_reduce(total)
    return int(total)


def find_largest(numbers: list[int]) -> list[int]:
    """Return the largest of each number over all processes."""
    if count() == 1:
        return numbers
    _beat()
    largest = torch.tensor(numbers)
    dist.all_reduce(largest, dist.ReduceOp.MAX)
    return largest.tolist()


def _beat() -> None:
    if _beats is not None:
        _beats.beat()
