"""Objects in object storage, s3://BUCKET/NAME or gs://BUCKET/NAME, by LitData's clients.

These find credentials, region and endpoint (AWS_ENDPOINT_URL) as their clouds' own tools do. Where the storage does not
answer, it is asked again and again for as long as the caller is patient.
"""

import errno
import logging
import os
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

from data.bounded.content import read_content
from data.errors import InputError, RunError, first_line

logger = logging.getLogger(__name__)

SCHEMES = ("s3", "gs")
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0  # seconds until a request is repeated: twice as long each time, up to the longest
CONNECT, READ = 5, 30  # seconds that a connection, and the next bytes, may take
OWN_FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.ENOENT, errno.EISDIR)  # of this machine
NOT_FOUND = 404
TEMPORARY = (408, 425, 429)  # statuses from 400 to 499 that a later request may not meet
NO_KEYS = ("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "DefaultCredentialsError")

Result = TypeVar("Result")


class Provider(Protocol):
    """LitData's client of one cloud.

    Attributes:
        client: of S3 a thing that has boto3's client, of Google its own.
    """

    client: Any

    def upload_file(self, local_path: str, remote_path: str) -> None:
        """Write an object."""

    def download_file(self, remote_path: str, local_path: str) -> None:
        """Write a file."""

    def exists(self, path: str) -> bool:
        """Tell whether there is an object."""


def is_remote(place: str) -> bool:
    """Tell whether a place is an address, and not the path of a file."""
    return "://" in place


def check_place(place: str, option: str) -> None:
    """Check that a place is a path, or an address that can be read, and that what this needs is installed.

    Raises:
        InputError: naming the option.
    """
    if is_remote(place):
        scheme, _, rest = place.partition("://")
        if scheme not in SCHEMES or not rest.partition("/")[0]:
            raise InputError(f"{option}: {place}; expected s3://BUCKET/NAME, gs://BUCKET/NAME or a folder")
        find_provider(scheme, os.getpid())


@cache
def find_provider(scheme: str, process: int) -> Provider:
    """Return the client of a cloud; each process has its own, as connections are not to be shared.

    Raises:
        InputError: if a package is missing, or there are no credentials.
    """
    try:
        with kept_random():
            return build_provider(scheme)
    except ModuleNotFoundError as error:
        missing = error.name or "google-cloud-storage"  # LitData's own error names no module
        package = missing if error.name is None else "bneck[stream]"
        raise InputError(f"{scheme}://: {missing} is not installed; pip install '{package}' does it") from error
    except Exception as error:
        raise InputError(f"{scheme}://: {first_line(error)}; expected credentials, see docs/scale.md") from error


def build_provider(scheme: str) -> Provider:
    """Build the client of a cloud."""
    from litdata.streaming.fs_provider import GCPFsProvider, S3FsProvider

    if scheme == "gs":
        return cast(Provider, GCPFsProvider())
    from botocore.config import Config

    retries = {"total_max_attempts": 1, "mode": "standard"}  # those here say what is wrong
    options = Config(connect_timeout=CONNECT, read_timeout=READ, retries=retries)
    return cast(Provider, S3FsProvider(storage_options={"config": options}))


def download(place: str, path: Path, *, patience: float, since: float | None = None) -> None:
    """Write an object into a file.

    Args:
        place: of the object.
        path: of the file.
        patience: seconds to wait for storage that does not answer.
        since: see `persist`.

    Raises:
        InputError: if it is not there, or may not be read.
        RunError: if the storage does not answer in so many seconds.
    """
    provider = find_provider(place.partition("://")[0], os.getpid())
    persist(lambda: provider.download_file(place, str(path)), place, patience=patience, since=since)


def upload(path: Path, place: str, *, patience: float) -> None:
    """Write a file into an object, which is there as a whole or not at all; see `download` for the errors."""
    provider = find_provider(place.partition("://")[0], os.getpid())
    persist(lambda: provider.upload_file(str(path), place), place, patience=patience)


def read_object(place: str, *, most: int, patience: float) -> bytes:
    """Return what is in a file or an object of at most so many bytes.

    Raises:
        InputError: if it cannot be read.
        RunError: if the storage does not answer.
        OSError: if this machine has no room for an object.
    """
    try:
        if not is_remote(place):
            return read_content(Path(place), most=most)
    except (OSError, ValueError) as error:
        raise InputError(f"{place}: {first_line(error)}; expected a file that may be read") from error
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "object"
        download(place, path, patience=patience)
        try:
            return read_content(path, most=most)
        except ValueError as error:
            raise InputError(f"{place}: {first_line(error)}; expected a file that may be read") from error


def is_there(place: str, *, patience: float) -> bool:
    """Tell whether there is an object; see `download` for the errors."""
    provider = find_provider(place.partition("://")[0], os.getpid())

    def request() -> bool:
        try:
            return provider.exists(place)
        except Exception as error:  # LitData tells by the words of one version
            if find_status(error) == NOT_FOUND:
                return False
            raise

    return persist(request, place, patience=patience)


def list_objects(place: str, *, patience: float) -> list[str]:
    """Return the addresses of all objects below one, sorted; see `download` for the errors."""
    scheme, _, rest = place.partition("://")
    bucket, _, name = rest.partition("/")
    prefix = name if not name or name.endswith("/") else f"{name}/"
    provider = find_provider(scheme, os.getpid())

    def request() -> list[str]:
        if scheme == "gs":
            return [blob.name for blob in provider.client.list_blobs(bucket, prefix=prefix)]
        pages = provider.client.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", ())]

    return sorted(f"{scheme}://{bucket}/{name}" for name in persist(request, place, patience=patience))


def persist(request: Callable[[], Result], place: str, *, patience: float, since: float | None = None) -> Result:
    """Make a request until it succeeds, and say when the storage fails to answer, and when it does again.

    Args:
        request: raises whatever it likes.
        place: that it is about, for messages.
        patience: seconds.
        since: the moment, by `time.monotonic`, from which these count; None: now.

    Raises:
        InputError: if it is refused, so that a later one would be too.
        RunError: if none succeeded in time.
        OSError: if this machine fails, such as for a full disk.
    """
    start, pause, silent = time.monotonic() if since is None else since, FIRST_PAUSE, False
    while True:
        try:
            with kept_random():
                result = request()
        except Exception as error:
            if isinstance(error, OSError) and error.errno in OWN_FAULTS:
                raise
            if is_refused(error):
                raise InputError(f"{place}: {first_line(error)}; expected an object that may be read") from error
            waited = time.monotonic() - start
            if waited + pause > patience:
                cure = "see whether the storage answers"
                raise RunError(f"{place}: no answer for {waited:.0f} seconds ({first_line(error)}); {cure}") from error
            if not silent:
                logger.warning("%s: %s; asked again for up to %.0f seconds", place, first_line(error), patience)
            silent = True
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        else:
            if silent:
                logger.warning("%s: answered after %.0f seconds", place, time.monotonic() - start)
            return result


@contextmanager
def kept_random() -> Iterator[None]:
    """Give back the state of Python's random numbers, which clients draw from: it is a part of a run's checkpoints."""
    alone = threading.current_thread() is threading.main_thread()
    state = random.getstate() if alone else None
    try:
        yield
    finally:
        if state is not None:
            random.setstate(state)


def is_refused(error: Exception) -> bool:
    """Tell whether an error says that the request is at fault: what it is about is not there, or not allowed."""
    status = find_status(error)
    return type(error).__name__ in NO_KEYS or (400 <= status < 500 and status not in TEMPORARY)


def find_status(error: Exception) -> int:
    """Return the status of the answer that an error tells of; 0 where it tells of none."""
    response = getattr(error, "response", None)
    status = getattr(error, "code", None)  # Google's errors
    if isinstance(response, dict):  # botocore's
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return status if isinstance(status, int) else 0
