"""Folders that a command writes are new, so that nothing is ever lost."""

import os
from pathlib import Path

from data.errors import InputError


def check_new(out: Path) -> None:
    """Refuse a folder that holds anything, or that cannot be made.

    Raises:
        InputError: naming the folder.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"out: {out} exists and is not empty; expected a new folder, so that nothing is lost")
    parent = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    if not parent.is_dir():
        raise InputError(f"out: {out} cannot be created, as {parent} is a file; expected a new folder")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise InputError(
            f"out: {out} cannot be written, as {parent} is read-only for this user; expected out=DIR elsewhere"
        )
