"""One owner of a folder: a file in it that one process holds at a time, and that says which."""

import errno
import fcntl
import os
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data.errors import InputError

LOCK = ".lock"
OWNER = re.compile(r"process (\d{1,9}) on ([\w.-]{1,253})\n")  # what it holds
HELD = (errno.EACCES, errno.EAGAIN)


@contextmanager
def locked(folder: Path, *, option: str) -> Iterator[None]:
    """Hold a folder while the context lasts; the system lets go of it when the process ends, however it does.

    No other part of this process may open the file: closing it would let go of the lock.

    Args:
        folder: that exists.
        option: that names it, for messages.

    Raises:
        InputError: naming the process that holds it, and that process's host.
    """
    handle = _take(folder, option)
    try:
        yield
    finally:
        (folder / LOCK).unlink(missing_ok=True)  # while it is held
        os.close(handle)


def _take(folder: Path, option: str) -> int:
    """Open the file and lock it; one that its owner has just removed is made anew."""
    path = folder / LOCK
    while True:
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise InputError(f"{option}: {path} is no plain file; expected none, or the one that a process left")
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        try:
            owner = OWNER.fullmatch(os.read(handle, 400).decode(errors="replace"))
            if not _is_free(handle, owner):
                who = "another process" if owner is None else owner[0].strip()
                raise InputError(
                    f"{option}: {folder} is in use by {who}; expected another folder, or the end of that process"
                )
            if path.exists() and os.path.samestat(os.fstat(handle), path.stat()):
                os.truncate(handle, 0)
                os.pwrite(handle, f"process {os.getpid()} on {platform.node() or 'localhost'}\n".encode(), 0)
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _is_free(handle: int, owner: re.Match[str] | None) -> bool:
    """Lock a file, and tell whether it could be; where the disk knows no locks, the owner that it names decides."""
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in HELD and (owner is None or _is_gone(owner))
    return True


def _is_gone(owner: re.Match[str]) -> bool:
    """Tell whether an owner has ended; of another host nobody here knows."""
    if owner[2] != platform.node():
        return False
    try:
        os.kill(int(owner[1]), 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # somebody else's
        return False
    return int(owner[1]) == os.getpid()
