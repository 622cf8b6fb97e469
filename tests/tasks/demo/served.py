"""The demo's server for its tests: in a thread, or for one request."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from types import SimpleNamespace
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from tasks.demo.app import build_app
from tasks.demo.command import running
from tasks.demo.inference import Inference


@contextmanager
def serving(app: web.Application) -> Iterator[str]:
    """Serve an application in a thread while the context lasts; gives its address."""
    address, ready, loop = "", Event(), asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        nonlocal address
        async with running(app, "127.0.0.1", 0) as address:
            ready.set()
            await stop.wait()

    thread = Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(10)
        yield address
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()


def build(predictor: Any, host: str = "127.0.0.1") -> web.Application:
    return build_app(Inference(predictor), checkpoint="model.safetensors", host=host)


def ask(app: web.Application, method: str, path: str, **options: Any) -> SimpleNamespace:
    """Send one request to an application that is served for it alone."""

    async def send() -> SimpleNamespace:
        async with TestClient(TestServer(app)) as client:
            response = await client.request(method, path, **options)
            body = await response.read()
            return SimpleNamespace(status=response.status, headers=response.headers, body=body)

    return asyncio.run(send())


def error_of(reply: SimpleNamespace) -> str:
    return str(json.loads(reply.body)["error"])
