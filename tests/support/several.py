"""Commands as several processes, started by torchrun as a user would."""

import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]
RANK = re.compile(rb"(?:^|\0)RANK=(\d+)\0")  # in the environment of a process
PATIENCE = 900  # seconds
WORLDS = (1, 2, 3, 4)  # numbers of processes that are compared
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone")


def several(world: int, module: str, *options: str, restarts: int = 0) -> list[str]:
    """Return the command line of a module in so many processes; one is started plainly."""
    if world == 1:
        return [sys.executable, "-m", module, *options]
    return [*TORCHRUN, f"--nproc-per-node={world}", f"--max-restarts={restarts}", "-m", module, *options]


def start(command: list[str], **variables: str) -> "subprocess.Popen[str]":
    """Start a command whose processes compute on one thread each, so that they compute alike; stderr is its output."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **variables}
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def run(command: list[str], **variables: str) -> str:
    """Run a command to its end, and return what it said."""
    process = start(command, **variables)
    said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said
    return said


def run_in_each(program: ModuleType, folder: Path) -> Path:
    """Run a program, `python -m PROGRAM FOLDER OUT`, by each number of processes; into FOLDER/byN, return FOLDER."""
    program.write_all(folder)
    for world in WORLDS:
        run(several(world, program.__name__, str(folder), str(folder / f"by{world}")))
    return folder


def find_ranks(agent: int) -> list[int]:
    """Return the ids of the processes that torchrun started and that live, in their order."""
    found = {}
    for child in Path(f"/proc/{agent}/task/{agent}/children").read_text().split():
        with suppress(OSError):  # it has just ended
            number = RANK.search(Path(f"/proc/{child}/environ").read_bytes())
            if number:
                found[int(number[1])] = int(child)
    return [found[number] for number in sorted(found)]
