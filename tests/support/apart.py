"""Commands in processes of their own, forked from one that has done their imports, which take seconds."""

import importlib
import os
import sys
from multiprocessing import get_context
from pathlib import Path

CONTEXT = get_context("forkserver")
CONTEXT.set_forkserver_preload(["tasks.export.command", "tasks.evaluate.command"])


def run_apart(name: str, *options: str, said: Path) -> None:
    """Do what `python -m tasks.NAME OPTIONS` does, with what it says in a file, and expect it to succeed."""
    process = CONTEXT.Process(target=act, args=(name, options, said))
    process.start()
    process.join()
    assert process.exitcode == 0, f"status {process.exitcode}: {said.read_text()[-2000:]}"


def act(name: str, options: tuple[str, ...], said: Path) -> None:
    """Be the process of a command."""
    with said.open("w") as file:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(file.fileno(), stream.fileno())
    sys.argv = [name, *options]
    importlib.import_module(f"tasks.{name}.__main__").main()
