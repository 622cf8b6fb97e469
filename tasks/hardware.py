"""What this machine has, and what of it is used: devices, threads, memory, a compiler."""

import ctypes
import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

import torch

from data.errors import InputError
from tasks.accelerators import Accelerator

COMPILERS = ("g++", "clang++", "c++")
GIB = 2**30
# glibc's mallopt: M_MMAP_THRESHOLD and M_TRIM_THRESHOLD, with values above what a step holds.
KEPT = {-3: GIB, -1: 2 * GIB - 1}


def check_accelerator(wanted: str, field: str) -> None:
    """Check that this machine has the accelerator that is wanted.

    Raises:
        InputError: naming the option, and what there is.
    """
    names = get_args(Accelerator)
    if wanted not in names:
        raise InputError(f"{field}: unknown {wanted!r}; choose from {', '.join(names)}")
    there = {"auto": True, "cpu": True, "mps": torch.backends.mps.is_available()}
    there["gpu"] = torch.cuda.is_available() or there["mps"]
    there["cuda"] = torch.cuda.is_available()
    if not there[wanted]:
        reason = (
            "is built without CUDA"
            if torch.version.cuda is None
            else "sees no GPU; nvidia-smi shows whether there is one"
        )
        raise InputError(f"{field}={wanted}: torch {torch.__version__} {reason}; expected auto or cpu")


def choose_device(accelerator: str) -> torch.device:
    """Return the device of an accelerator; the best that there is for "auto".

    Raises:
        InputError: if this machine has none such.
    """
    check_accelerator(accelerator, "accelerator")
    if accelerator in ("cpu", "mps"):
        return torch.device(accelerator)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def check_compiler(wanted: bool) -> None:
    """Check that there is what torch.compile needs, where it is wanted.

    Raises:
        InputError: if there is no C++ compiler.
    """
    names = [os.environ.get("CXX", ""), *COMPILERS]
    if wanted and not any(shutil.which(name) for name in names if name):
        raise InputError(f"trainer.compile: no C++ compiler; expected CXX or one of {', '.join(COMPILERS)} in PATH")


def keep_freed_memory() -> None:
    """Let this process keep the memory that it frees, for what it allocates next; without glibc nothing changes.

    glibc gives blocks of 32 MiB and more back to the system at once. So every step had its activations mapped page by
    page and set to 0 anew, which took a third of its time on a CPU.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is not None:
        for parameter, value in KEPT.items():
            mallopt(parameter, value)


@contextmanager
def limit_threads(threads: int | None) -> Iterator[int]:
    """Give torch this many threads for a while (None: as many as it has), and say how many it has."""
    before = torch.get_num_threads()
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before)


def name_processor(device: torch.device) -> str:
    """Return the name of the processor that a device is."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def name_device(accelerator: str) -> str:
    """Return the name of what the network runs on."""
    current = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    if accelerator == "cpu" or current is None:
        return "cpu"
    return name_processor(current) if current.type == "cuda" else current.type


def measure_memory() -> float | None:
    """Return the memory of the machine in GiB; None where the system does not say."""
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB, 1)
    except (AttributeError, ValueError, OSError):
        return None
