"""Commands in a test: run in this process, with what they print and the status that they end with."""

import importlib
import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pytest

from data.signals import ENDING


class Ended(NamedTuple):
    """How a command ended."""

    status: int
    said: str  # on stderr


@contextmanager
def kept_state() -> Iterator[None]:
    """Give logging and signals back as they were; Hydra changes the one, Lightning the other."""
    root, heard = logging.getLogger(), {kind: signal.getsignal(kind) for kind in ENDING}
    handlers, level = list(root.handlers), root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        for kind, handler in heard.items():
            signal.signal(kind, handler)


def hear_signals() -> None:
    """Make a child process end at signals, though this one, as a background job, may have been told to ignore some."""
    for kind in ENDING:
        signal.signal(kind, signal.SIG_DFL)


def run_command(name: str, *options: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ended:
    """Do what `python -m tasks.NAME OPTIONS` does."""
    monkeypatch.setattr(sys, "argv", [name, *options])
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    main = importlib.import_module(f"tasks.{name}.__main__").main
    status = 0
    with kept_state():
        try:
            main()
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else 1
    return Ended(status, capsys.readouterr().err)
