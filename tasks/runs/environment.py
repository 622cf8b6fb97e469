"""Where and how a run was made: versions, machine, commit, command line, duration; kept in environment.json."""

import importlib.metadata
import logging
import os
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from data.bounded.json_values import read_json
from tasks.files import write_json
from tasks.hardware import measure_memory, name_device, name_processor
from tasks.runs.forms import Start, check_form

logger = logging.getLogger(__name__)

ENVIRONMENT = "environment.json"
PACKAGES = (
    "bneck",
    "torch",
    "torchvision",
    "lightning",
    "hydra-core",
    "albumentations",
    "opencv-python-headless",
    "pillow",
    "numpy",
    "hotcoco",
    "cityscapesscripts",
    "timm",
)
GIT_PATIENCE = 10  # seconds


def record_start(out: Path, *, accelerator: str) -> None:
    """Note what this process runs on and with; a run that is resumed gets one more entry.

    Args:
        out: folder of the run, which exists.
        accelerator: as configured: "auto", "cpu", "gpu"...
    """
    starts = read_starts(out)
    write_json(out / ENVIRONMENT, {"starts": [*starts, describe_environment(accelerator)]})


def record_end(out: Path) -> None:
    """Note how long the run took since its last start."""
    starts = read_starts(out)
    if starts:
        starts[-1]["seconds"] = round(time.time() - datetime.fromisoformat(starts[-1]["started"]).timestamp(), 1)
        write_json(out / ENVIRONMENT, {"starts": starts})


def read_starts(out: Path) -> list[dict[str, Any]]:
    """Return the entries of a run's starts, oldest first; none where it has no readable file of them."""
    path = out / ENVIRONMENT
    if not path.is_file():
        return []
    try:
        starts = read_json(path, expected="expected starts")["starts"]
        for number, start in enumerate(starts):
            check_form(Start, dict(start), f"starts[{number}]")
        return list(starts)
    except (ValueError, KeyError, TypeError) as error:
        logger.warning("%s: not readable, started again: %r", path, error)
        return []


def describe_environment(accelerator: str) -> dict[str, Any]:
    """Return plain values that say what the program runs on and with; seconds is None until the run ends."""
    return {
        "command": shlex.join(["python", *sys.orig_argv[1:]]),
        "folder": str(Path.cwd()),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": None,
        "commit": find_commit(Path(__file__).resolve().parents[2]),
        "device": name_device(accelerator),
        "processor": name_processor(torch.device("cpu")),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory_gib": measure_memory(),
        "platform": platform.platform(),
        "versions": {"python": platform.python_version(), **list_packages()},
    }


def find_commit(root: Path) -> str | None:
    """Return the commit of a checkout, with "+" where files differ from it; None where `root` is none.

    A folder inside somebody else's checkout, such as a virtual environment's, is none.
    """
    try:
        top = ask_git(root, "rev-parse", "--show-toplevel")
        if Path(top).resolve() != root:
            return None
        changed = ask_git(root, "status", "--porcelain", "--untracked-files=no")
        return ask_git(root, "rev-parse", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return None


def ask_git(root: Path, *words: str) -> str:
    """Return what a git command prints."""
    command = ["git", "-C", str(root), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=GIT_PATIENCE).stdout.strip()


def list_packages(names: Iterable[str] = PACKAGES) -> dict[str, str]:
    """Return the versions of packages, those that are installed."""
    versions = {}
    for name in names:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
