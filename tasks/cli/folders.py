"""Folders that a command writes are new, so that nothing is ever lost, and belong to one process at a time."""

import functools
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Protocol, TypeVar

from data.errors import InputError
from tasks.cli.lock import LOCK, locked
from tasks.processes import from_first
from tasks.torchrun_store import recall_folder, remember_folder

STAMP = re.compile(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d")  # names by default, the time of the start


class Writing(Protocol):
    """The configuration of a command that writes a folder; one that can go on with an earlier run has `resume` too."""

    @property
    def out(self) -> Path | str:
        """The folder."""

    @property
    def typed(self) -> tuple[str, ...]:
        """The options of the command line."""


Config = TypeVar("Config", bound=Writing)
Result = TypeVar("Result")


def owning(function: Callable[[Config], Result]) -> Callable[[Config], Result]:
    """Let a command begin only once its folder is its own, until it ends; of several processes the first one's.

    A folder named by the time, as it is by default, gets another name where there is one of that second.
    """

    @functools.wraps(function)
    def run(config: Config) -> Result:
        with ExitStack() as held:
            return function(from_first(lambda: held.enter_context(own(config))))

    return run


@contextmanager
def own(config: Config) -> Iterator[Config]:
    """Hold the folder of a command while the context lasts, and say what the command is then configured to do."""
    resumed: Path | None = getattr(config, "resume", None)
    again = recall_folder()
    if again is not None and resumed is None:
        again.mkdir(parents=True, exist_ok=True)  # one in which nothing was written was removed
        with locked(again, option="out"):
            yield replace(config, out=again)  # type: ignore[type-var]
    elif resumed is not None and not resumed.is_dir():
        yield config  # to a function that says what it expects
    elif resumed is not None:
        with locked(resumed, option="resume"):
            yield config
    else:
        folder = Path(config.out)
        named = not STAMP.fullmatch(folder.name) or any(option.startswith("out=") for option in config.typed)
        with new_folder(folder, named=named) as out:
            remember_folder(out)
            yield replace(config, out=out)  # type: ignore[type-var]


@contextmanager
def new_folder(out: Path, *, named: bool) -> Iterator[Path]:
    """Make a folder and hold it while the context lasts; one in which nothing was written is removed again.

    Args:
        out: its path.
        named: whether it must have just this name; else a number is added to one that is taken.

    Raises:
        InputError: if it holds anything, cannot be made, or is another process's.
    """
    made = [folder for folder in out.absolute().parents if not folder.exists()]
    if not named or not out.exists():
        made.insert(0, out)
    if not named:
        made[0] = out = make_unique(out)
    elif not (out / LOCK).exists():  # else who holds it is said first
        check_new(out)
        out.mkdir(parents=True, exist_ok=True)
    try:
        with locked(out, option="out"):
            check_new(out)
            yield out
    finally:
        with suppress(OSError):  # not empty
            for folder in made:
                folder.rmdir()


def empty(folder: Path) -> None:
    """Remove what a command left in its own folder before it was started again; only the lock stays."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != LOCK:
            path.unlink()


def make_ready(out: Path) -> None:
    """Check that a folder is new, or empty it where torchrun starts its own command again.

    Raises:
        InputError: if it is not.
    """
    if recall_folder() is not None:
        empty(out)
    check_new(out)


def make_unique(out: Path) -> Path:
    """Make a folder that was not there, with a number behind its name if need be."""
    names = (out if number == 1 else out.with_name(f"{out.name}_{number}") for number in count(1))
    for path in names:
        if path.exists():
            continue
        check_new(path)
        try:
            path.mkdir(parents=True)
        except FileExistsError:  # another process was faster
            continue
        return path
    raise AssertionError("there is always another number")


def check_new(out: Path) -> None:
    """Refuse a folder that holds anything but a lock, or that cannot be made.

    Raises:
        InputError: naming the folder.
    """
    if out.exists() and (not out.is_dir() or any(path.name != LOCK for path in out.iterdir())):
        raise InputError(f"out: {out} exists and is not empty; expected a new folder, so that nothing is lost")
    parent = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    if not parent.is_dir():
        raise InputError(f"out: {out} cannot be created, as {parent} is a file; expected a new folder")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise InputError(
            f"out: {out} cannot be written, as {parent} is read-only for this user; expected out=DIR elsewhere"
        )
