"""The demo's server with many clients at once: large uploads in parallel, and connections that ask nothing."""

import http.client
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from benchmarks.faults.row import Row
from tests.support.untrained import write_untrained

UPLOADS, SIZE = 40, 30 * 2**20
CONNECTIONS = 300
MOST_MEMORY = 1.5 * 2**30  # bytes: torch and the model take .5 of it
PATIENCE = 120.0  # seconds
LET_GO = 15.0  # seconds until a connection that asks nothing is closed


def measure(count: int, folder: Path) -> list[Row]:
    """Load the server `count` times."""
    folder.mkdir(parents=True, exist_ok=True)
    model = write_untrained("ssdlite", folder)
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(folder / "a.png")
    body = (folder / "a.png").read_bytes()
    loads = [load(model, body) for _ in range(count)]
    held = sum(peak < MOST_MEMORY and set(statuses) <= {200, 429} for peak, statuses, _ in loads)
    peak = max(peak for peak, _, _ in loads)
    refused = loads[0][1].count(429)
    note = f"at most {peak / 2**30:.2f} GiB, {refused} of {UPLOADS} answered with 429"
    longest = max(seconds for _, _, seconds in loads)
    return [
        Row(f"demo: {UPLOADS} uploads of 30 MB at once", held, count, note),
        Row(
            f"demo: {CONNECTIONS} connections that ask nothing",
            sum(seconds < LET_GO for _, _, seconds in loads),
            count,
            f"closed after {longest:.1f} s",
        ),
    ]


def load(model: Path, body: bytes) -> tuple[int, list[int], float]:
    """Return the most memory that a server held, what it answered, and when it had closed idle connections."""
    with served(model) as (process, address), ThreadPoolExecutor(UPLOADS) as pool:
        content = body + bytes(SIZE - len(body))
        statuses = list(pool.map(lambda _: post(address, content), range(UPLOADS)))
        seconds = wait_for_end(address)
        if post(address, body) != 200:
            statuses.append(0)
        memory = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
        return int(memory[1] if memory else 0) * 1024, statuses, seconds


@contextmanager
def served(model: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Run the demo; gives its process and its address."""
    command = [sys.executable, "-m", "tasks.demo", f"checkpoint={model}", "port=0", "open=false", "accelerator=cpu"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            address = next(line.split()[0] for line in process.stderr or () if line.startswith("http"))
            yield process, address
        finally:
            process.terminate()


def post(address: str, body: bytes) -> int:
    """Send an image and return the status of the answer."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=PATIENCE)
    with suppress(BrokenPipeError, ConnectionResetError):  # refused before all of it was sent: the answer is there
        connection.request("POST", "/predict", body)
    return connection.getresponse().status


def wait_for_end(address: str) -> float:
    """Open connections that ask nothing; return the seconds until the last one was closed."""
    parts = urlsplit(address)
    with ExitStack() as stack:
        begin = time.monotonic()
        opened = [
            stack.enter_context(socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE))
            for _ in range(CONNECTIONS)
        ]
        for connection in opened:
            connection.recv(1)
        return time.monotonic() - begin
