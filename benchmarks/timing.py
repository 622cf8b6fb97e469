"""Times two functions in turns, so that what else the machine does hits both alike."""

import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torchvision

from tasks.files import write_json
from tasks.hardware import name_processor

RESULTS = Path(__file__).parent / "results"


def seconds(function: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Run a function once and return how long it took."""
    start = clock()
    function()
    return clock() - start


def compare(
    ours: Callable[[], object],
    theirs: Callable[[], object],
    *,
    repeats: int,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Any]:
    """Time two functions in turns, after one run each to warm up.

    Args:
        ours: what is timed.
        theirs: what it is timed beside.
        repeats: runs of each.
        clock: time.process_time for what runs on one thread for long: other programs disturb it less.

    Returns:
        Medians in seconds, and how many times ours is faster: the median of the ratios of neighbouring runs.
    """
    ours(), theirs()
    pairs = [(seconds(ours, clock), seconds(theirs, clock)) for _ in range(repeats)]
    ratios = sorted(their / our for our, their in pairs)
    return {
        "ours_seconds": statistics.median(our for our, _ in pairs),
        "theirs_seconds": statistics.median(their for _, their in pairs),
        "times_faster": statistics.median(ratios),
        "times_faster_range": [ratios[0], ratios[-1]],
        "repeats": repeats,
    }


def save(name: str, results: dict[str, Any]) -> None:
    """Write benchmarks/results/NAME.json, with what the numbers depend on."""
    machine = {
        "processor": name_processor(torch.device("cpu")),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "torchvision": str(torchvision.__version__),
    }
    RESULTS.mkdir(exist_ok=True)
    write_json(RESULTS / f"{name}.json", {**results, "machine": machine})
