"""A server of Google's object storage in this process: an emulator, which holds all in memory."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.s3_server import find_port


@contextmanager
def running(bucket: str) -> Iterator[dict[str, str]]:
    """Run a server that has a bucket, and give the environment in which clients find it."""
    from gcp_storage_emulator.server import create_server

    port = find_port()
    server = create_server("127.0.0.1", port, in_memory=True, default_bucket=bucket)
    server.start()
    try:
        yield {"STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{port}"}
    finally:
        server.stop()
