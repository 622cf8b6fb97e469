"""An S3 server in a process of its own: moto's, which holds all in memory.

Usage:
    python -m tests.support.s3_server PORT [FOLDER]

FOLDER/BUCKET/NAME are the objects that it has from its first answer on, so that one that is started again has what the
one before it had.
"""

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import socket
from time import monotonic, sleep

ROOT = Path(__file__).parents[2]
PATIENCE = 60  # seconds for a server to start
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}


class Server:
    """A server on a port of its own, which may be stopped and started again.

    Args:
        folder: of its buckets.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, find_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def variables(self) -> dict[str, str]:
        """The environment in which clients find it."""
        return {**KEYS, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}"}

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [sys.executable, "-m", "tests.support.s3_server", str(self.port), str(self.folder)]
        self.process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **KEYS}, stderr=subprocess.DEVNULL)
        deadline = monotonic() + PATIENCE
        while monotonic() < deadline:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/moto-api/", timeout=2).close()
                return
            except OSError:
                sleep(0.05)
        raise TimeoutError("the server does not answer")

    def stop(self) -> None:
        """Kill it."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None


@contextmanager
def running(folder: Path) -> Iterator[Server]:
    """Run a server that has the buckets of a folder."""
    server = Server(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def find_port() -> int:
    """Return a port that nobody listens on."""
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def fill(endpoint: str, folder: Path) -> None:
    """Make the buckets of a folder, with all that is in them."""
    import boto3

    client = boto3.client("s3", endpoint_url=endpoint)
    for bucket in (path for path in folder.iterdir() if path.is_dir()):
        client.create_bucket(Bucket=bucket.name)
        for path in (path for path in bucket.rglob("*") if path.is_file()):
            client.upload_file(str(path), bucket.name, path.relative_to(bucket).as_posix())


def serve(port: int, folder: Path) -> None:
    """Fill the server's memory by a port that nobody knows, then listen on the one that is asked for."""
    from moto.server import ThreadedMotoServer

    hidden = ThreadedMotoServer(ip_address="127.0.0.1", port=find_port(), verbose=False)
    hidden.start()
    fill(f"http://127.0.0.1:{hidden._port}", folder)
    ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False).start()
    signal.pause()


if __name__ == "__main__":
    serve(int(sys.argv[1]), Path(sys.argv[2]))
