"""The bytes of a file that may be anything: a pipe, a device, endless."""

import hashlib
import os
import stat
from io import BufferedReader, BufferedWriter, BytesIO, FileIO
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

MOST_BYTES = 2**25  # of a file of numbers and names; as Python objects it takes up to 30 times as much
BLOCK = 2**12  # bytes that are read at once at least, beyond the size that a file is said to have
KINDS = {stat.S_IFIFO: "a pipe", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device", stat.S_IFSOCK: "a socket"}


class Content(BytesIO):
    """What is in a file that does not lie in a folder; as a string its name, as that of a path is.

    Args:
        content: of the file.
        name: for messages.
    """

    def __init__(self, content: bytes, name: str) -> None:
        super().__init__(content)
        self._name = name

    def __str__(self) -> str:
        return self._name


class BoundError(ValueError):
    """A file holds more than is read of its kind, or is no file that could be read to its end."""


class BoundedFile(BufferedWriter):
    """A new file that takes at most so many bytes.

    Args:
        path: of the file.
        most: bytes.
    """

    def __init__(self, path: Path, most: int) -> None:
        super().__init__(FileIO(path, "w"))
        self._most = most

    def write(self, block: "ReadableBuffer") -> int:
        """Write bytes.

        Raises:
            BoundError: if there are more.
        """
        if self.tell() + memoryview(block).nbytes > self._most:
            raise too_large(self._most)
        return super().write(block)


def open_regular(path: Path) -> BufferedReader:
    """Open a file to read; what is none, such as a pipe that nobody writes to, is not waited for.

    Raises:
        OSError: if it is not there, a folder, or may not be read.
        BoundError: if it is a pipe, a device or a socket.
    """
    number = open_number(path)
    try:
        return os.fdopen(number, "rb")
    except OSError as error:  # of a folder
        os.close(number)
        raise type(error)(error.errno, error.strerror, str(path)) from None


def open_number(path: str | Path) -> int:
    """Return the number of a file, or a folder, that is opened; see `open_regular` for the errors."""
    number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    mode = os.fstat(number).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        os.close(number)
        raise BoundError(f"is {KINDS.get(stat.S_IFMT(mode), 'no file')}; expected a regular file")
    return number


def read_beginning(path: str | Path, most: int) -> bytes:
    """Read at most so many bytes of a file, the first; for many files, as no file object is made.

    Raises:
        OSError: if it is not there, a folder, or may not be read.
        BoundError: if it is no regular file.
    """
    number = open_number(path)
    try:
        return os.read(number, most)
    finally:
        os.close(number)


def read_content(path: Path, *, most: int = MOST_BYTES) -> bytes:
    """Read a file of at most so many bytes, whatever its size is said to be.

    Raises:
        OSError: if it is not there, a folder, or may not be read.
        BoundError: if it is larger, or no regular file.
    """
    number = open_number(path)
    try:
        blocks, left, size = [], most + 1, os.fstat(number).st_size
        while left and (block := os.read(number, min(left, max(size + 1, BLOCK)))):  # until there are no more
            blocks.append(block)
            left, size = left - len(block), size - len(block)
    finally:
        os.close(number)
    content = b"".join(blocks)
    if len(content) > most:
        raise too_large(most)
    return content


def too_large(most: int) -> BoundError:
    """Return the error of a file that holds more."""
    return BoundError(f"holds more than {most:,} bytes; expected at most as many")


def hash_file(path: Path, kind: str = "sha256") -> str:
    """Return the hash of a file's content, of hashlib's `kind`, in hexadecimal digits.

    Raises:
        OSError: if it is not there, a folder, or may not be read.
        BoundError: if it is no regular file.
    """
    with open_regular(path) as file:
        return hashlib.file_digest(file, kind).hexdigest()
