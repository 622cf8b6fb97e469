"""Objects in object storage, s3://BUCKET/NAME or gs://BUCKET/NAME, by the clients of their clouds.

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
from typing import TypeVar

from data.bounded.content import BoundedFile, BoundError, read_content
from data.clouds import CLOUDS, Cloud
from data.errors import AccessError, InputError, RunError, first_line

logger = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0  # seconds until a request is repeated: twice as long each time, up to the longest
OWN_FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.ENOENT, errno.EISDIR)  # of this machine
NOT_FOUND = 404
TEMPORARY = (408, 425, 429)  # statuses from 400 to 499 that a later request may not meet
BARRED = (400, 401, 403)  # to whom an object is not shown; S3 answers 400 to credentials that ran out
NO_KEYS = ("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "DefaultCredentialsError")
LET_IN = "expected credentials of this machine with access to it, see docs/scale.md"

Result = TypeVar("Result")


def is_remote(place: str) -> bool:
    """Tell whether a place is an address, and not the path of a file."""
    return "://" in place


def check_place(place: str, option: str) -> None:
    """Check that a place is a path, or an address that can be read, and that what this needs is installed.

    Raises:
        InputError: naming the option.
    """
    if is_remote(place):
        check_address(place, option)
        find_client(place)


def check_address(place: str, where: str) -> None:
    """Check that an address is of a storage that is known.

    Raises:
        InputError: naming where it stands.
    """
    scheme, _, rest = place.partition("://")
    if scheme not in CLOUDS or not rest.partition("/")[0]:
        raise InputError(f"{where}: {place}; expected s3://BUCKET/NAME, gs://BUCKET/NAME or a path")


def find_client(place: str) -> Cloud:
    """Return the client of the cloud that an address is of.

    Raises:
        AccessError: if a package is missing, or there are no credentials.
    """
    scheme = place.partition("://")[0]
    try:
        return find_cloud(scheme, os.getpid())
    except ModuleNotFoundError as error:
        missing = error.name or "google-cloud-storage"  # LitData's own error names no module
        package = missing if error.name is None else "bneck[stream]"
        raise AccessError(f"{place}: {missing} is not installed; pip install '{package}' does it") from error
    except Exception as error:
        raise AccessError(f"{place}: {first_line(error)}; {LET_IN}") from error


@cache
def find_cloud(scheme: str, process: int) -> Cloud:
    """Return the client of a cloud; each process has its own, as connections are not to be shared."""
    with kept_random():
        return CLOUDS[scheme]()


def split_address(place: str) -> tuple[str, str]:
    """Return the bucket that an address names, and the name of the object in it."""
    bucket, _, name = place.partition("://")[2].partition("/")
    return bucket, name


def download(place: str, path: Path, *, most: int, patience: float, since: float | None = None) -> None:
    """Write an object into a file.

    Args:
        place: of the object.
        path: of the file.
        most: bytes that it may take; no more are written.
        patience: seconds to wait for storage that does not answer.
        since: see `persist`.

    Raises:
        InputError: if it is not there, may not be read or is larger.
        RunError: if the storage does not answer in so many seconds.
        OSError: if this machine fails, such as for a full disk.
    """
    client, address = find_client(place), split_address(place)

    def request() -> None:
        with BoundedFile(path, most) as file:
            client.download(*address, file)

    persist(request, place, patience=patience, since=since)


def upload(path: Path, place: str, *, patience: float) -> None:
    """Write a file into an object, which is there as a whole or not at all; see `download` for the errors."""
    client, address = find_client(place), split_address(place)
    persist(lambda: client.upload(path, *address), place, patience=patience)


def read_object(place: str, *, most: int, patience: float) -> bytes:
    """Return what is in a file or an object of at most so many bytes; see `download` for the errors."""
    if is_remote(place):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "object"
            download(place, path, most=most, patience=patience)
            return path.read_bytes()
    try:
        return read_content(Path(place), most=most)
    except (OSError, ValueError) as error:
        raise InputError(f"{place}: {first_line(error)}; expected a file that may be read") from error


def is_there(place: str, *, patience: float) -> bool:
    """Tell whether there is an object; see `download` for the errors."""
    client, address = find_client(place), split_address(place)

    def request() -> bool:
        try:
            return client.exists(*address)
        except Exception as error:
            if find_status(error) == NOT_FOUND:
                return False
            raise

    return persist(request, place, patience=patience)


def list_objects(place: str, *, patience: float) -> list[str]:
    """Return the addresses of all objects below one, sorted; see `download` for the errors."""
    client, (bucket, name) = find_client(place), split_address(place)
    prefix = name if not name or name.endswith("/") else f"{name}/"
    names = persist(lambda: client.list_names(bucket, prefix), place, patience=patience)
    return sorted(f"{place.partition('://')[0]}://{bucket}/{name}" for name in names)


def persist(request: Callable[[], Result], place: str, *, patience: float, since: float | None = None) -> Result:
    """Make a request until it succeeds, and say when the storage fails to answer, and when it does again.

    Args:
        request: raises whatever it likes.
        place: that it is about, for messages.
        patience: seconds.
        since: the moment, by `time.monotonic`, from which these count; None: now.

    Raises:
        AccessError: if this machine may not make it.
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
            if isinstance(error, BoundError):
                raise InputError(f"{place}: {error}") from error
            if is_barred(error):
                raise AccessError(f"{place}: {first_line(error)}; {LET_IN}") from error
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


def is_barred(error: Exception) -> bool:
    """Tell whether an error says that whoever asks has no credentials, or not those that it takes."""
    return type(error).__name__ in NO_KEYS or find_status(error) in BARRED


def is_refused(error: Exception) -> bool:
    """Tell whether an error says that the request is at fault: what it is about is not there."""
    status = find_status(error)
    return 400 <= status < 500 and status not in TEMPORARY


def find_status(error: Exception) -> int:
    """Return the status of the answer that an error tells of; 0 where it tells of none."""
    response = getattr(error, "response", None)
    status = getattr(error, "code", None)  # Google's errors
    if isinstance(response, dict):  # botocore's
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return status if isinstance(status, int) else 0
