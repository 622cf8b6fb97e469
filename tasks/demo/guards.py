"""What the server refuses before it looks: foreign hosts, foreign pages; and how every refusal is said."""

import ipaddress
import logging
import socket
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from data.errors import InputError

logger = logging.getLogger(__name__)

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches a server that is bound to `host`."""
    return host in LOOPBACK or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def guard_host(host: str) -> Middleware:
    """Return a middleware that answers requests alone that were sent to this server by a name of its own.

    A page of another site can have its name resolved to this machine and so read what is served here (DNS rebinding);
    the Host header still holds that name. Ports are not compared, so that a forwarded one works (`ssh -L`).

    Args:
        host: that the server is bound to; where others reach it, any numeric address and the machine's name are its
            own.
    """
    names = {*LOOPBACK, host.lower()}
    if not is_loopback(host):
        names |= {socket.gethostname().lower(), f"{socket.gethostname().lower()}.local"}

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        name = hostname(request.headers.get("Host", ""))
        if name in names or (_is_address(name) and not is_loopback(host)):
            return await handler(request)
        raise web.HTTPForbidden(text=f"host {name!r} is not this server; expected {', '.join(sorted(names))}")

    return check


@web.middleware
async def guard_origin(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what a page from elsewhere sends; programs that are no browser name no origin."""
    origin = request.headers.get("Origin")
    foreign = origin is not None and not _is_from(origin, request.headers.get("Host"))
    if foreign or request.headers.get("Sec-Fetch-Site") == "cross-site":
        raise web.HTTPForbidden(text=f"request from another site ({origin}); expected this server's own page")
    return await handler(request)


@web.middleware
async def say_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every error into a status and JSON, {"error": message}."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        return _refuse(error.status, error.text or error.reason, error.headers.get("Retry-After"))
    except InputError as error:
        return _refuse(400, str(error))
    except Exception as error:
        if isinstance(error, MemoryError | RuntimeError) and ("memory" in str(error) or not str(error)):
            return _refuse(413, "the image is too large for this machine's memory; expected a smaller one")
        logger.exception("%s %s failed", request.method, request.path)
        return _refuse(500, "the server failed; its terminal says why")


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Add to every response what keeps the page to itself."""
    response.headers.update(HEADERS)


def hostname(netloc: str) -> str:
    """Return the name in "NAME:PORT", in lower case and without brackets; "" where there is none."""
    try:
        return urlsplit(f"//{netloc}").hostname or ""
    except ValueError:
        return ""


def _refuse(status: int, message: str, retry: str | None = None) -> web.Response:
    return web.json_response({"error": message}, status=status, headers={"Retry-After": retry} if retry else None)


def _is_from(origin: str, host: str | None) -> bool:
    try:
        return urlsplit(origin).netloc == host
    except ValueError:  # as of "http://["
        return False


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
