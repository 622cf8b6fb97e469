"""Many clients at once, and slow ones: the server holds so many bytes and no more, and lets go of who does not ask."""

import asyncio
import http.client
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urlsplit

import pytest

from benchmarks.faults.demo import measure
from tasks.demo import traffic
from tasks.demo.app import INFERENCE, TRAFFIC
from tasks.predict.predictor import Predictor
from tests.support.pictured_models import draw_image, encode
from tests.tasks.demo.served import build, serving

BODY = encode(draw_image()) + bytes(600_000)  # what follows the end of a PNG is not read
OPEN = 0.3  # seconds, in place of FIRST, IDLE and BODY


@pytest.fixture
def app(models: dict[str, Path]) -> Any:
    return build(Predictor(models["ssdlite"], accelerator="cpu"))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FIRST", "IDLE", "BODY"):
        monkeypatch.setattr(traffic, name, OPEN)
    monkeypatch.setattr(traffic, "BETWEEN", 0.05)


def post(address: str, body: bytes = BODY) -> int:
    """Send an image and return the status of the answer."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
    connection.request("POST", "/predict", body)
    return connection.getresponse().status


@contextmanager
def connected(address: str, content: bytes = b"") -> Iterator[socket.socket]:
    """Open a connection and send the beginning of a request."""
    parts = urlsplit(address)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as connection:
        connection.sendall(content)
        yield connection


def head(address: str, length: int) -> bytes:
    return f"POST /predict HTTP/1.1\r\nHost: {urlsplit(address).netloc}\r\nContent-Length: {length}\r\n\r\n".encode()


def test_more_bytes_at_once_than_may_be_held_are_answered_with_429(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    go, held, predict = Event(), [], type(app[INFERENCE]).predict

    async def wait(self: Any, content: bytes, name: str) -> Any:
        held.append(app[TRAFFIC].held)
        await asyncio.to_thread(go.wait)
        return await predict(self, content, name)

    monkeypatch.setattr(traffic, "MOST_HELD", 3 * len(BODY))
    monkeypatch.setattr(type(app[INFERENCE]), "predict", wait)
    with serving(app) as address, ThreadPoolExecutor(12) as pool:
        answers = [pool.submit(post, address) for _ in range(12)]
        until = time.monotonic() + 20
        while sum(answer.done() for answer in answers) < 9 and time.monotonic() < until:
            time.sleep(0.05)
        go.set()
        statuses = sorted(answer.result() for answer in answers)
        assert statuses == [200] * 3 + [429] * 9
        assert max(held) == 3 * len(BODY)
        assert app[TRAFFIC].held == 0
        assert post(address) == 200


def test_a_429_says_when_to_come_again_and_why(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traffic, "MOST_HELD", 1000)
    with serving(app) as address:
        connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=10)
        connection.request("POST", "/predict", BODY)
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Retry-After"]) == (429, "1")
        assert b"too many images at once" in answer.read()


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("begin", [b"", b"POST /predict HTTP/1.1\r\nHost: 127.0"])
def test_clients_that_ask_nothing_are_let_go(begin: bytes, app: Any) -> None:
    with serving(app) as address:
        sockets = [connected(address, begin) for _ in range(30)]
        opened = [each.__enter__() for each in sockets]
        assert post(address) == 200
        started = time.monotonic()
        assert [connection.recv(100) for connection in opened] == [b""] * 30
        assert time.monotonic() - started < 5
        for each in sockets:
            each.__exit__(None, None, None)


@pytest.mark.usefixtures("quick")
def test_a_body_that_does_not_come_is_answered_with_408_and_holds_nothing(app: Any) -> None:
    with serving(app) as address, connected(address, head(address, 10_000) + b"x") as connection:
        assert b" 408 " in connection.recv(100)
        assert app[TRAFFIC].held == 0


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_who_waits_for_the_model_is_not_let_go(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:

    predict = type(app[INFERENCE]).predict

    async def slow(self: Any, content: bytes, name: str) -> Any:
        await asyncio.sleep(5 * OPEN)
        return await predict(self, content, name)

    monkeypatch.setattr(type(app[INFERENCE]), "predict", slow)
    with serving(app) as address:
        assert post(address) == 200


def test_a_body_of_unknown_length_counts_as_the_largest(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traffic, "MOST_HELD", traffic.MOST_BYTES - 1)
    with serving(app) as address:
        connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=10)
        connection.request(
            "POST", "/predict", iter([BODY]), encode_chunked=True, headers={"Transfer-Encoding": "chunked"}
        )
        assert connection.getresponse().status == 429


@pytest.mark.slow
def test_many_large_uploads_and_many_slow_clients_are_borne(tmp_path: Path) -> None:
    assert [row for row in measure(1, tmp_path) if row.held < row.of] == []
