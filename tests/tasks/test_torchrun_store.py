"""Signs of life: who is waited for, and who is not."""

from threading import Timer

import pytest
from torch._C._distributed_c10d import HashStore

from data.dealing import Share
from tasks import torchrun_store
from tasks.torchrun_store import Heartbeat


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
