"""One measurement in a process of its own: python -m benchmarks.gpu.stage NAME TASK DEVICE FOLDER.

FOLDER/data holds the drawn data; the numbers go into FOLDER/NAME_TASK.json.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.gpu import inputs, runs, steps
from benchmarks.gpu.scale import SCALES, Scale

STAGES: dict[str, Callable[[str, Scale, Path], dict[str, Any]]] = {
    "steps": lambda task, scale, folder: steps.measure(task, folder / "data", scale),
    "replayed": lambda task, scale, folder: runs.time_ours(
        task, folder / "data", scale, graph=True, out=folder / f"replayed_{task}"
    ),
    "launched": lambda task, scale, folder: runs.time_ours(
        task, folder / "data", scale, graph=False, out=folder / f"launched_{task}"
    ),
    "torchvision": lambda task, scale, folder: runs.time_theirs(task, folder / "data", scale),
    "inputs": lambda task, scale, folder: inputs.measure(task, folder / "data", scale),
}


def main(name: str, task: str, device: str, folder: str) -> None:
    """Measure what is named."""
    numbers = STAGES[name](task, SCALES[device], Path(folder))
    Path(folder, f"{name}_{task}.json").write_text(json.dumps(numbers))


if __name__ == "__main__":
    main(*sys.argv[1:])
