"""What all commands share: errors of the user as one clear line, and folders that are never overwritten."""

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data.errors import InputError


@contextmanager
def clear_errors(*, debug: bool) -> Iterator[None]:
    """Turn an InputError into its message and exit status 2; with `debug` let it pass with its traceback."""
    try:
        yield
    except InputError as error:
        if debug:
            raise
        # An error from a worker process brings its traceback along in its text, the message last.
        message = str(error).rsplit(f"{InputError.__name__}: ", 1)[-1].strip()
        sys.stderr.write(f"error: {message}\n")
        raise SystemExit(2) from None


def quiet_libraries() -> None:
    """Keep Lightning's notes and tips off the screen; call it after Lightning is imported, which sets its own level."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="lightning.pytorch.utilities._pytree")
    for message in (".*does not have many workers.*", ".*smaller than the logging interval.*"):
        warnings.filterwarnings("ignore", message=message)


def check_new(out: Path) -> None:
    """Refuse a folder that holds anything.

    Raises:
        InputError: naming the folder.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"out: {out} exists and is not empty; expected a new folder, so that nothing is lost")
