from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from benchmarks.faults.likeness import compare
from data.errors import InputError
from tasks.train import steps
from tasks.train.command import train
from tasks.train.prefetch import Prefetched, move
from tests.support.cut_runs import STEPWISE, cut
from tests.support.runs import load_config, small_run

CPU = torch.device("cpu")
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


class Pair(NamedTuple):
    images: Tensor
    names: tuple[str, ...]
    nothing: None = None


def give(count: int, taken: list[int], *, error: Exception | None = None) -> Iterator[Any]:
    """Yield batches and note which were taken; then fail."""
    for number in range(count):
        taken.append(number)
        yield Pair(torch.full((2, 3), number), (str(number),)), number, 0
    if error is not None:
        raise error


def test_batches_come_in_their_order_and_one_is_taken_ahead_where_it_is_asked_for() -> None:
    taken: list[int] = []
    batches = Prefetched(give(4, taken), CPU)
    assert next(batches)[1] == 0
    batches.fetch()
    assert taken == [0, 1]
    found = [next(batches) for _ in range(3)]
    assert [(position, batch.names) for batch, position, _ in found] == [(n, (str(n),)) for n in (1, 2, 3)]
    assert [int(batch.images[0, 0]) for batch, *_ in found] == taken[1:] == [1, 2, 3]
    with pytest.raises(StopIteration):
        next(batches)


def test_an_error_and_the_end_come_at_the_step_whose_batch_is_missing() -> None:
    batches = Prefetched(give(1, [], error=InputError("a.jpg: truncated")), CPU)
    next(batches)
    batches.fetch()
    with pytest.raises(InputError, match=r"a\.jpg: truncated"):
        next(batches)
    with pytest.raises(StopIteration):
        next(batches)


@pytest.mark.slow
@pytest.mark.usefixtures("blank_figures")
@pytest.mark.parametrize("workers", [0, 1])
def test_a_run_with_batches_taken_ahead_is_the_same_bit_for_bit_cut_or_not(
    workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = (f"dataset.workers={workers}", "dataset.scenes={train: 9, val: 4}")
    train(small_run("lraspp", tmp_path / "whole", *options))
    monkeypatch.setattr(steps, "AHEAD", ("cpu",))
    fetches: list[int] = []
    fetch = Prefetched.fetch
    monkeypatch.setattr(Prefetched, "fetch", lambda self: fetches.append(1) or fetch(self))
    train(small_run("lraspp", tmp_path / "ahead", *options))
    assert len(fetches) == 6  # two epochs of three steps
    assert compare(tmp_path / "whole", tmp_path / "ahead") == ""
    cut(small_run("lraspp", tmp_path / "cut", *options, STEPWISE), saves=2)
    train(load_config("train", f"resume={tmp_path / 'cut'}"))
    assert compare(tmp_path / "whole", tmp_path / "cut") == ""


def test_moving_a_batch_leaves_what_is_no_tensor() -> None:
    batch = move(Pair(torch.arange(6).reshape(2, 3), ("a", "b")), torch.device("meta"))
    assert batch.images.device.type == "meta"
    assert (batch.names, batch.nothing) == (("a", "b"), None)


@needs_gpu
def test_batches_are_whole_on_the_gpu_and_copied_without_waiting() -> None:
    device = torch.device("cuda", 0)
    images = [torch.randint(0, 256, (64, 3, 320, 320), dtype=torch.uint8) for _ in range(8)]
    pinned = [(Pair(each.pin_memory(), ("",)), number, 0) for number, each in enumerate(images)]
    batches = Prefetched(iter(pinned), device)  # type: ignore[arg-type]  # of the shape of a batch
    busy = torch.zeros(4096, 4096, device=device)
    torch.cuda.set_sync_debug_mode("error")
    try:
        sums = []
        for _ in images:
            batch, *_ = next(batches)
            busy = busy @ busy
            sums.append(batch.images.long().sum())
            batches.fetch()
            del batch  # its memory may be taken by a later one
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert torch.stack(sums).tolist() == [int(each.long().sum()) for each in images]
