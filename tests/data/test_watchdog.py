"""Loading processes that hang, stop or die: each ends as one error that says which, where, and is over in time."""

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from collections import namedtuple
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch

from data import loading, watchdog
from data.board import Board
from data.errors import InputError, LoadingError
from data.loading import Transformed, build_loader, check_shared_memory
from data.transforms import DetectionResize
from data.watchdog import name_deaths
from tests.data.test_loading import Boxes, collate_detection

PAGE = (Path(__file__).parents[2] / "docs/troubleshooting.md").read_text(encoding="utf-8")
WORKERS, SAMPLES = 2, 12


class Faulty(Boxes):
    """Images one of which does something to the process that reads it."""

    pixel_sizes = np.full((SAMPLES, 2), 40)
    image_paths = np.array([f"images/{index}.jpg" for index in range(SAMPLES)])

    def __init__(self, fault=lambda: None, *, at=7):
        super().__init__(SAMPLES)
        self.fault, self.at = fault, at

    def __getitem__(self, index):
        if index == self.at:
            self.fault()
        return super().__getitem__(index)


@pytest.fixture(autouse=True)
def ended():
    """End what a test leaves: stopped processes take none of torch's signals, and it waits for each when they go."""
    yield
    for board in list(watchdog._boards):
        board.end()


def make_loader(fault=lambda: None, *, at=7, workers=WORKERS, timeout=1.0, batch_size=1):
    data = Transformed(Faulty(fault, at=at), DetectionResize((32, 32), rule="area"), seed=0)
    return build_loader(
        data, collate=collate_detection, batch_size=batch_size, shuffle=False, workers=workers, timeout=timeout
    )


def send(number):
    os.kill(os.getpid(), number)


def stop_one(loader):
    """Stop a loading process from outside and return its id."""
    pid = int(loader.board._rows[0])
    os.kill(pid, signal.SIGSTOP)
    return pid


def walk(loader):
    with name_deaths([loader]):
        for _ in loader:
            time.sleep(0.01)


def walk_on(batches, loader):
    """Walk to the end of an epoch and through the next one."""
    list(batches)
    list(loader)


def explained(said):
    """Tell whether docs/troubleshooting.md has a message, for the numbers and names of its examples."""
    example = re.sub(r"=\d+:", "=120:", re.sub(r"for \d+ sec", "for 120 sec", said))
    example = re.sub(r"process \d+ \(pid \d+\)", "process 0 (pid 17)", example).replace("images/7", "DIR/a")
    return any(text and example.startswith(text) for text in re.findall(r"`(.*?)`", PAGE))


def fail(loader):
    """Return what an epoch fails with, after having seen that it did so in time, and that no process is left."""
    begin = time.monotonic()
    with pytest.raises(LoadingError) as caught:
        walk(loader)
    assert time.monotonic() - begin < 10
    assert not [child for child in multiprocessing.active_children() if child.pid in set(loader.board._rows)]
    return str(caught.value)


def test_a_process_that_hangs_in_a_file_is_named_with_the_file_and_the_shared_memory():
    said = fail(make_loader(lambda: time.sleep(1000)))
    assert re.match(r"dataset.timeout=1: no batch for 1 seconds; loading process 1 \(pid \d+\) is still at work", said)
    assert " at images/7.jpg; " in said
    assert "GiB are free in /dev/shm" in said
    assert "\n" not in said


def test_a_process_that_stops_in_a_file_is_named_with_the_file():
    said = fail(make_loader(lambda: send(signal.SIGSTOP)))
    assert "is stopped at images/7.jpg" in said
    assert explained(said)


@pytest.mark.parametrize("at", [0, pytest.param(3, marks=pytest.mark.slow), SAMPLES])
def test_a_process_stopped_between_files_or_epochs_ends_the_run(at):
    loader = make_loader(at=-1)
    batches = iter(loader)
    for _ in range(at):
        next(batches)
    while not loader.board._rows[0]:
        time.sleep(0.01)
    pid = stop_one(loader)
    with pytest.raises(LoadingError, match=f"pid {pid}\\) is stopped"):
        walk_on(batches, loader)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGBUS])
def test_a_process_that_dies_is_named_with_the_file_that_it_was_at(number):
    said = fail(make_loader(lambda: send(number), timeout=100.0))
    assert re.match(r"loading process 1 \(pid \d+\) ended", said)
    assert " at images/7.jpg; " in said
    assert "dataset.workers=0" in said or "--shm-size" in said
    assert explained(said)


@pytest.mark.slow
def test_a_slow_batch_within_the_time_is_waited_for():
    assert len(list(make_loader(lambda: time.sleep(1.5), timeout=5.0))) == SAMPLES


@pytest.mark.slow
def test_time_in_which_no_batch_is_asked_for_does_not_count():
    given = 0
    for given, _ in enumerate(make_loader(timeout=0.5), start=1):  # the last is looked at
        time.sleep(0.8 if given < 3 else 0)
    assert given == SAMPLES


def test_without_loading_processes_nothing_is_watched():
    assert len(list(make_loader(workers=0, timeout=1e-3))) == SAMPLES


def test_a_batch_that_finds_no_shared_memory_is_an_error_at_once(monkeypatch):
    def refuse(tensor):
        raise RuntimeError("unable to allocate shared memory(shm) for file </torch_1>: No space left on device (28)")

    monkeypatch.setattr(torch.Tensor, "share_memory_", refuse)
    begin = time.monotonic()
    with pytest.raises(RuntimeError, match="unable to allocate shared memory"):
        walk(make_loader(timeout=100.0))
    assert time.monotonic() - begin < 10


def test_too_little_shared_memory_is_seen_before_the_first_step(monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(loading.shutil, "disk_usage", lambda path: usage(2**21, 0, 2**16))
    with pytest.raises(InputError, match=r"dataset.workers=2: .* take .* MiB, and 0.1 MiB are free in /dev/shm"):
        check_shared_memory([make_loader()])
    check_shared_memory([make_loader(workers=0)])


@pytest.mark.parametrize(("workers", "batch_size"), [(1, 4), (2, 12)])
def test_the_shared_memory_that_is_asked_for_is_about_what_is_used(workers, batch_size):
    loader = make_loader(workers=workers, batch_size=batch_size)
    batch = next(iter(make_loader(workers=0, batch_size=batch_size)))
    one = sum(value.nbytes for value in batch if value is not None)
    assert (2 * workers + 1) * one < loading.count_prefetched_bytes(loader) < 2 * (2 * workers + 2) * one + 2**18


def test_of_several_sizes_the_largest_counts():
    def count(*sides):
        forms = [DetectionResize((side, side), rule="area") for side in sides]
        data = Transformed(Faulty(), *forms, seed=0)
        return loading.count_prefetched_bytes(
            build_loader(data, collate=collate_detection, batch_size=2, shuffle=True, workers=1)
        )

    assert count(64, 128, 32) == count(128) > count(64)


@pytest.mark.parametrize("error", [ConnectionResetError(104, "reset"), EOFError(), FileNotFoundError(2, "socket")])
def test_a_connection_lost_to_a_process_that_died_is_its_death(error):
    def die(loader):
        batches = iter(loader)  # whose processes live as long as it
        next(batches)
        with suppress(RuntimeError):  # torch's signal handler may come first
            os.kill(int(loader.board._rows[0]), signal.SIGKILL)
            time.sleep(0.2)
        raise error

    loader = make_loader(timeout=100.0)
    with pytest.raises(LoadingError, match=r"loading process 0 \(pid \d+\) ended"), name_deaths([loader]):
        die(loader)


def test_torchs_own_error_may_come_while_the_dead_process_is_looked_for(monkeypatch):
    loader = make_loader(timeout=100.0)
    batches = iter(loader)  # whose processes live as long as it
    next(batches)

    def die(pids):
        os.kill(int(pids[0]), signal.SIGKILL)
        time.sleep(10)  # until torch's signal handler comes
        raise AssertionError("it did not come")

    monkeypatch.setattr("data.board._find_dead", die)
    with pytest.raises(LoadingError, match=r"loading process 0 \(pid \d+\) ended"), name_deaths([loader]):
        raise ConnectionResetError(104, "reset")


def test_a_connection_lost_while_all_live_is_another_error():
    loader = make_loader(timeout=100.0)
    next(iter(loader))
    with pytest.raises(ConnectionResetError), name_deaths([loader]):
        raise ConnectionResetError(104, "reset")


def test_an_error_of_another_loader_passes_unchanged():
    error = RuntimeError("DataLoader worker (pid 1) is killed by signal: Killed. ")
    assert Board(2, str).describe_death(error) is None
    with pytest.raises(RuntimeError, match="pid 1"), name_deaths([make_loader()]):
        raise error


ENDING = """
import os, signal, sys
from tests.data.test_watchdog import make_loader
loader = make_loader(timeout=60.0)
for _ in loader: pass
os.kill(int(loader.board._rows[0]), signal.SIGSTOP)
"""


@pytest.mark.slow
def test_a_program_ends_though_a_process_of_its_is_stopped():
    run = subprocess.run([sys.executable, "-c", ENDING], timeout=60, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
