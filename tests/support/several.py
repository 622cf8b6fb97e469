"""Commands as several processes, started by torchrun as a user would."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE = 900  # seconds
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
