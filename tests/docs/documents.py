"""What README.md and docs/ tell people to run, read out of them and run in this process."""

import os
import re
import runpy
import shlex
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import NamedTuple

import pytest
from hydra.core.global_hydra import GlobalHydra

from tests.support.commands import hear_signals, kept_state

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])


class Block(NamedTuple):
    """One fenced block of a document."""

    document: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


def find_blocks(path: Path, *languages: str) -> list[Block]:
    """Return the fenced blocks of a Markdown file in these languages."""
    text = path.read_text(encoding="utf-8")
    name = path.relative_to(ROOT).as_posix()
    found = re.finditer(r"^```(\w+)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    blocks = [Block(name, text[: match.start()].count("\n") + 1, match[1], match[2]) for match in found]
    return [block for block in blocks if block.language in languages]


def list_commands(block: Block) -> list[list[str]]:
    """Return a block's commands as words; a backslash joins lines, # starts a comment."""
    lines = block.text.replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def run_module(name: str, arguments: list[str]) -> int:
    """Do what `python -m NAME ARGUMENTS` does, in this process, and return its exit status."""
    with pytest.MonkeyPatch.context() as patch, kept_state():
        patch.setattr(sys, "argv", [name, *arguments])
        patch.delitem(sys.modules, f"{name}.__main__", raising=False)  # runpy warns of one that a test imported
        patch.setenv("HYDRA_FULL_ERROR", "1")
        try:
            runpy.run_module(name, run_name="__main__", alter_sys=True)
        except SystemExit as stop:
            return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        finally:
            GlobalHydra.instance().clear()
    return 0


def serve(arguments: list[str]) -> int:
    """Start `python -m tasks.demo ARGUMENTS`, fetch its page, end it with Ctrl-C and return its exit status."""
    command = [sys.executable, "-m", "tasks.demo", *arguments, "port=0", "open=false"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, text=True, preexec_fn=hear_signals
    ) as process:
        assert process.stderr is not None
        found = next(match for line in process.stderr if (match := re.search(r"http://\S+", line)))
        with urllib.request.urlopen(found[0]) as page:
            assert page.status == 200
        process.send_signal(signal.SIGINT)
        return process.wait(60)
