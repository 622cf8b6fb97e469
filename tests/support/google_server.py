"""A server of Google's object storage in this process: an emulator, which holds all in memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from tests.support.s3_server import find_port


class Server(NamedTuple):
    """A server that runs."""

    variables: dict[str, str]  # the environment in which clients find it


@contextmanager
def running(bucket: str) -> Iterator[Server]:
    """Run a server that has a bucket."""
    from gcp_storage_emulator.server import create_server

    port = find_port()
    server = create_server("127.0.0.1", port, in_memory=True, default_bucket=bucket)
    server.start()
    try:
        yield Server({"STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{port}"})
    finally:
        server.stop()
