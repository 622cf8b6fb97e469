"""What the server bears at once: bytes of requests, and clients that are slow; the model takes one image at a time."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.typedefs import Handler

MIB = 2**20
MOST_BYTES = 32 * MIB  # of an uploaded file
MOST_HELD = 128 * MIB  # of all requests that are read or wait for the model
LEAST = MIB // 2  # that a request counts as: its image takes memory too, and its wait
FIRST = 10.0  # seconds until a connection has sent the head of a request
IDLE = 30.0  # seconds without a request after an answer, which may be on its way
BODY = 60.0  # seconds until the body of a request is there
BETWEEN = 1.0  # seconds between two looks
RETRY = {"Retry-After": "1"}


class Traffic:
    """Which requests and connections there are.

    Attributes:
        held: bytes of requests that are read or wait for the model.
    """

    def __init__(self) -> None:
        self.held = 0
        self._busy: set[web.RequestHandler] = set()
        self._since: dict[web.RequestHandler, tuple[float, float]] = {}  # when it began to wait, and how long it may

    @asynccontextmanager
    async def room(self, request: web.Request) -> AsyncIterator[None]:
        """Hold place for the body of a request.

        Raises:
            HTTPTooManyRequests: if there is none.
        """
        plain = "Content-Encoding" not in request.headers and request.content_length is not None
        size = max(LEAST, min(request.content_length or 0, MOST_BYTES) if plain else MOST_BYTES)
        if self.held + size > MOST_HELD:
            raise web.HTTPTooManyRequests(text="too many images at once; expected a later try", headers=RETRY)
        self.held += size
        try:
            yield
        finally:
            self.held -= size

    @web.middleware
    async def follow(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Note that a connection has a request, and no longer."""
        connection = request.protocol
        self._busy.add(connection)
        try:
            return await handler(request)
        finally:
            self._busy.discard(connection)
            self._since[connection] = (time.monotonic(), IDLE)

    def close_idle(self, connections: Iterable[web.RequestHandler]) -> None:
        """Close the connections that have had no request for too long."""
        now = time.monotonic()
        self._since = {each: self._since.get(each, (now, FIRST)) for each in connections}
        for connection, (begun, patience) in self._since.items():
            if connection not in self._busy and now - begun > patience:
                connection.force_close()


async def read_body(request: web.Request) -> bytes:
    """Return the body of a request.

    Raises:
        HTTPRequestTimeout: if it takes too long to come.
    """
    try:
        async with asyncio.timeout(BODY):
            return await request.read()
    except TimeoutError as error:
        raise web.HTTPRequestTimeout(text=f"the image did not come within {BODY:.0f} seconds") from error


async def watch(server: web.Server, traffic: Traffic) -> None:
    """Close idle connections for ever."""
    while True:
        await asyncio.sleep(BETWEEN)
        traffic.close_idle(server.connections)
