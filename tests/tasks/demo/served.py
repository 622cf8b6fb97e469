"""The demo's parts for its tests: tiny models that find something, the server in a thread, a headless browser."""

import asyncio
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from threading import Event, Thread
from types import SimpleNamespace
from typing import Any

import numpy as np
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from PIL import Image

from data.classes import ClassTable
from data.synthetic.scene import draw_scene
from tasks.demo.app import build_app
from tasks.demo.command import running
from tasks.demo.inference import Inference
from tasks.models.checkpoint import save_safetensors
from tasks.models.network import build_model
from tests.support.random_weights import randomize
from tests.support.runs import describe, small_run

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
CLASSES = ClassTable.create(("cat", "dog", "owl"), (1, 2, 3))
THRESHOLDS = (0.69, 0.755, 0.68)  # of each class the random detector finds a few boxes above


def save_model(task: str, path: Path, **changes: Any) -> Path:
    """Write a model of random weights, under which it finds dozens of boxes, or all three classes of pixels."""
    description = replace(describe(small_run(task, path.parent / "run"), CLASSES), **changes)
    save_safetensors(path, description, randomize(build_model(description.arch)).state_dict())
    return path


def draw_image(number: int = 1) -> np.ndarray:
    """Return a street scene, (96, 144, 3) uint8."""
    return draw_scene(0, "val", number=number, size=(96, 144)).image


def encode(image: np.ndarray, kind: str = "PNG", **options: Any) -> bytes:
    file = BytesIO()
    Image.fromarray(image).save(file, kind, **options)
    return file.getvalue()


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


def find_browser() -> str | None:
    """Return the path of a browser: the environment's BROWSER, or one of the usual names."""
    names = (os.environ.get("BROWSER", ""), *BROWSERS)
    return next((found for name in names if name and (found := shutil.which(name))), None)


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
