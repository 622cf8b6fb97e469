"""Files that are written whole or not at all."""

import errno
import hashlib
import json
import math
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from data.bounded.content import hash_file

Metrics = dict[str, Any]  # numbers by name, and dicts of them by class

METRICS = "metrics.json"  # what an evaluation writes
ANALYSIS = "analysis.json"  # and what it found out beside
PART = ".bneck-part-"  # how the names of files begin that are being written
Content = bytes | bytearray | memoryview


class WriteError(OSError):
    """A file that could not be written, with the disk that it was for, and what is there instead.

    Args:
        error: of the system.
        path: of the file.

    Attributes:
        place: the disk, how much is free on it, and what was kept.
    """

    def __init__(self, error: OSError, path: Path) -> None:
        super().__init__(error.errno, error.strerror, str(path))
        kept = f"{path.name} as it was before is kept" if path.exists() else f"there is no {path.name}"
        self.place = f"{describe_disk(path)}; {kept}"


def describe_disk(path: Path) -> str:
    """Return where the disk of a file is mounted, and how much is free there."""
    folder = next(folder for folder in path.absolute().parents if folder.is_mount())
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return f"the disk at {folder} does not answer"
    return f"{free / 1e6:,.0f} MB free on the disk at {folder}"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Lend the name of a new file beside `path`; what is written to it takes the place of `path` as a whole.

    Whatever comes between, a kill, a full disk or a power cut, `path` holds what it did before, or all of the new
    content, which is on the disk when this returns.

    Raises:
        WriteError: if the system refuses any of it.
    """
    part = path.with_name(f"{PART}{secrets.token_hex(4)}{path.suffix}")
    try:
        yield part
        sync(part)
        part.replace(path)
        sync(path.parent)
    except OSError as error:
        if error.errno is None or isinstance(error, WriteError):
            raise
        raise WriteError(error, path) from error
    finally:
        with suppress(OSError):  # the first error counts
            part.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:  # of file systems that cannot do it for folders
            raise
    finally:
        os.close(handle)


def sync_all(folder: Path) -> None:
    """Wait until a folder and what it does not hide is on the disk: files of packages that write them themselves."""
    for path in (*folder.rglob("[!.]*"), folder):
        if path.is_file() or path.is_dir():
            sync(path)


def write_bytes(path: Path, content: Content) -> None:
    """Write a file, whole or not at all."""
    with replacing(path) as part:
        part.write_bytes(content)


def write_checked(path: Path, content: Content) -> str:
    """Write a file as `write_bytes` does, but let it take its place only once it reads back as it was written.

    Returns:
        Its SHA-256.
    """
    digest = hashlib.sha256(content).hexdigest()
    with replacing(path) as part:
        part.write_bytes(content)
        sync(part)
        forget(part)
        if hash_file(part) != digest:
            raise OSError(errno.EIO, "what was written reads back otherwise", str(path))
    return digest


def forget(path: Path) -> None:
    """Have the system read a file from the disk when it is next read, not from memory, where it can be told so."""
    if hasattr(os, "posix_fadvise"):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def write_text(path: Path, text: str) -> None:
    """Write text, whole or not at all; names of files in it need not be UTF-8."""
    write_bytes(path, text.encode("utf-8", errors="backslashreplace"))


def write_json(path: Path, values: object) -> None:
    """Write plain values as JSON; NaN and infinity are refused, as no JSON reader takes them."""
    write_text(path, json.dumps(values, indent=1, allow_nan=False) + "\n")


def clean(folder: Path) -> list[Path]:
    """Remove what kills have left of files in a folder that were being written; nobody may be writing there.

    Returns:
        What was removed.
    """
    parts = [path for path in folder.rglob(f"{PART}*") if path.is_file()]
    for part in parts:
        part.unlink(missing_ok=True)
    return parts


def to_number(value: float) -> float | None:
    """Return a number as JSON takes it: None for NaN."""
    return None if math.isnan(value) else float(value)
