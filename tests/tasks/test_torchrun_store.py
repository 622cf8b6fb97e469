"""Signs of life: who is waited for, and who is not."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Timer
from time import sleep

import pytest
from torch._C._distributed_c10d import HashStore

from data.dealing import Share
from data.errors import RunError
from tasks import torchrun_store
from tasks.torchrun_store import Heartbeat, agree_on_start, recall_folder, remember_folder


@pytest.fixture
def beats(monkeypatch: pytest.MonkeyPatch) -> list[Heartbeat]:
    """Return the signs of life of two processes."""
    store = HashStore()
    monkeypatch.setattr(torchrun_store, "_keep", lambda: store)
    monkeypatch.setattr(torchrun_store, "PULSE", 0.05)
    both = [Heartbeat(Share(rank, 2), "start") for rank in range(2)]
    yield both  # type: ignore[misc]
    for one in both:
        one.end()


def test_who_gets_on_is_waited_for(beats: list[Heartbeat]) -> None:
    beats[0].advance(done=True)
    timers = [Timer(0.2 * number, beats[1].advance, kwargs={"done": number == 4}) for number in range(5)]
    for timer in timers:
        timer.start()
    assert beats[0].find_slow(0.6) == []


def test_who_stands_still_is_named(beats: list[Heartbeat]) -> None:
    beats[0].advance(done=True)
    (slow,) = beats[0].find_slow(0.2)
    assert slow.startswith("rank 1 (process ")


def test_processes_agree_on_a_start_though_others_have_spoken_before(monkeypatch: pytest.MonkeyPatch) -> None:
    store = HashStore()
    monkeypatch.setattr(torchrun_store, "_keep", lambda: store)
    monkeypatch.setenv(torchrun_store.START, "")
    names: list[str] = []
    for _ in range(3):
        with ThreadPoolExecutor(3) as pool:  # the first one is the last to come
            found = [pool.submit(agree_on_start, Share(rank, 3)) for rank in (2, 1)]
            sleep(0.2)
            found.append(pool.submit(agree_on_start, Share(0, 3)))
        (name,) = {one.result() for one in found}
        names.append(name)
    assert len(set(names)) == 3


def test_a_process_that_does_not_start_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    store = HashStore()
    monkeypatch.setattr(torchrun_store, "_keep", lambda: store)
    monkeypatch.setattr(torchrun_store, "STARTING", 0.2)
    store.set("bneck/asked", "earlier")
    for rank, missing in ((0, 1), (1, 0)):
        with pytest.raises(RunError, match=f"rank {rank} of 2: rank {missing} did not start in time"):
            agree_on_start(Share(rank, 2))


def test_a_folder_is_recalled_by_a_later_start_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    store = HashStore()
    monkeypatch.setattr(torchrun_store, "_keep", lambda: store)
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "a")
    for start, recalled in (("first", None), ("second", tmp_path / "a run")):
        monkeypatch.setenv(torchrun_store.START, start)
        assert recall_folder() == recalled
        remember_folder(tmp_path / "a run")
        assert recall_folder() is None
    monkeypatch.delenv("TORCHELASTIC_RUN_ID")
    assert recall_folder() is None
