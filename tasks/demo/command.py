"""The demo as a running server: options, model, address, browser, end."""

import asyncio
import errno
import logging
import os
import socket
import sys
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import numpy as np
from aiohttp import web

from data.errors import InputError
from data.sizes import Size
from tasks.demo.app import TRAFFIC, build_app
from tasks.demo.config import DemoConfig
from tasks.demo.guards import is_loopback
from tasks.demo.inference import Inference
from tasks.demo.traffic import watch
from tasks.predict.predictor import Predictor

logger = logging.getLogger(__name__)

EVERYWHERE = ("0.0.0.0", "::")
WARM_UP = (480, 640, 3)  # height, width and channels of an empty image, as cameras give them


def demo(config: DemoConfig) -> None:
    """Serve the page until it is interrupted.

    Raises:
        InputError: if the checkpoint cannot be used, or the address cannot be had.
    """
    listen(config.host, config.port).close()  # before a model is loaded
    try:
        app = load_app(config.checkpoint, host=config.host, accelerator=config.accelerator, size=config.size)
        asyncio.run(serve(app, config.host, config.port, show=config.open))
    except KeyboardInterrupt:
        logger.info("stopped")


def load_app(checkpoint: Path, *, host: str, accelerator: str, size: Size | int | None = None) -> web.Application:
    """Load a model, run it once, and build the application around it.

    Raises:
        InputError: if the checkpoint cannot be used.
    """
    predictor = Predictor(checkpoint, accelerator=accelerator, size=size)
    for _ in predictor(np.zeros(WARM_UP, np.uint8)):  # the first run is slow: here nobody waits for it
        pass
    return build_app(Inference(predictor), checkpoint=str(checkpoint), host=host)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        InputError: if the host is not this machine's, or the port is taken or not ours to take.
    """
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except (OSError, UnicodeError) as error:
        number = getattr(error, "errno", None)
        if number == errno.EADDRINUSE:
            raise InputError(f"port: {port} is taken; expected a free one, or 0 for any that is free") from error
        if number == errno.EACCES:
            raise InputError(f"port: {port} is reserved for the system; expected one from 1024") from error
        reason = (getattr(error, "strerror", None) or str(error)).split(" (while")[0]
        raise InputError(f"host: cannot listen at {host!r} ({reason}); expected 127.0.0.1 or 0.0.0.0") from error


@asynccontextmanager
async def running(app: web.Application, host: str, port: int) -> AsyncIterator[str]:
    """Serve an application while the context lasts; gives its address."""
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1.0, access_log=None)
    await runner.setup()
    try:
        listener = listen(host, port)
        await web.SockSite(runner, listener).start()
        watching = asyncio.create_task(watch(cast(web.Server, runner.server), app[TRAFFIC]))
        try:
            yield address_of(host, listener.getsockname()[1])
        finally:
            watching.cancel()
    finally:
        await runner.cleanup()


def address_of(host: str, port: int) -> str:
    """Return the page's address as this machine's browser takes it."""
    name = "127.0.0.1" if host in EVERYWHERE else host
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


async def serve(app: web.Application, host: str, port: int, *, show: bool) -> None:
    """Serve an application for ever, say where, and open its page."""
    async with running(app, host, port) as address:
        if not is_loopback(host):
            logger.warning("host=%s: whoever reaches this machine's port can open the page and use the model", host)
        logger.info("%s (Ctrl-C ends it)", address)
        if show and has_browser():
            await asyncio.to_thread(webbrowser.open, address)
        await asyncio.Event().wait()


def has_browser() -> bool:
    """Tell whether there is a screen; without one, `webbrowser` would start a browser of text in this terminal."""
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
