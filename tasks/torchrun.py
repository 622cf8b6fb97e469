"""Commands that run as several processes, which torchrun starts; torch is not imported here."""

import os
import sys
from collections.abc import Mapping, Sequence

from data.errors import InputError

RUN_ID = "TORCHELASTIC_RUN_ID"  # that torchrun gives to each process
THREADS = "OMP_NUM_THREADS"


def is_inside(environment: Mapping[str, str] = os.environ) -> bool:
    """Tell whether torchrun started this process."""
    return RUN_ID in environment


def check_alone(command: str, environment: Mapping[str, str] = os.environ) -> None:
    """Check that a command which runs as one process was started as one.

    Raises:
        InputError: if torchrun started several.
    """
    count = environment.get("WORLD_SIZE", "1")
    if is_inside(environment) and count != "1":
        raise InputError(
            f"torchrun: tasks.{command} runs as one process, not as {count}; expected python -m tasks.{command}. "
            "tasks.train, tasks.evaluate and tasks.predict run as several"
        )


def check_devices(devices: int, typed: Sequence[str], environment: Mapping[str, str] = os.environ) -> None:
    """Check that trainer.devices, where it was typed, is what torchrun started on this machine.

    Raises:
        InputError: naming both.
    """
    started = environment.get("LOCAL_WORLD_SIZE", "1")
    if any(option.startswith("trainer.devices=") for option in typed) and str(devices) != started:
        raise InputError(
            f"trainer.devices: {devices}, but torchrun started {started} processes on this machine; expected "
            f"trainer.devices={started}, or none: torchrun decides"
        )


def start(command: str, devices: int, typed: Sequence[str]) -> None:
    """Become torchrun, which starts this command again as so many processes on this machine."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    os.environ.setdefault(THREADS, str(max(1, cores // devices)))
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={devices}"]
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [*torchrun, "-m", f"tasks.{command}", *typed])
