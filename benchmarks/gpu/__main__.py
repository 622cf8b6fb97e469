"""How fast both tasks train on a GPU, or a run on CamVid of so many minutes.

Usage:
    python -m benchmarks.gpu                                  # under six minutes on an H100; one table
    python -m benchmarks.gpu camvid minutes=8 --data DIR      # CamVid as a Cityscapes tree; more options of tasks.train
    python -m benchmarks.gpu device=cpu                       # tries all of it on tiny sizes

Each measurement is a process of its own, and what it found is noted at once in benchmarks/results/gpu.json, or with
device=cpu in gpu_trial.json in the folder for temporary files. One that fails, or does not end in time, is noted with
its last line, and the others go on; the exit status is then 1. The data are drawn here.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu import camvid
from benchmarks.gpu.drawings import draw
from benchmarks.gpu.scale import SCALES, TASKS, Scale
from benchmarks.gpu.stage import STAGES
from benchmarks.gpu.table import render
from benchmarks.timing import RESULTS
from tasks.files import write_json

LIMIT = 345.0  # seconds for all stages: under six minutes
LONGEST = 100.0  # seconds for one stage
OWN = ("device", "minutes")  # options that are not those of tasks.train


def run_stage(name: str, task: str, scale: Scale, folder: Path, *, seconds: float) -> dict[str, Any]:
    """Measure one thing in a fresh process; return its numbers, or what went wrong."""
    command = [sys.executable, "-m", "benchmarks.gpu.stage", name, task, scale.device, str(folder)]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return {"error": f"not done within {seconds:.0f} seconds"}
    if ended.returncode:
        return {"error": (ended.stderr.strip().splitlines() or [f"exit status {ended.returncode}"])[-1]}
    numbers: dict[str, Any] = json.loads((folder / f"{name}_{task}.json").read_text())
    return numbers


def measure(scale: Scale, path: Path, folder: Path) -> bool:
    """Measure everything, note it step by step, and print the table; tell whether all of it was measured."""
    began = time.perf_counter()
    draw(folder / "data", scale)
    results: dict[str, Any] = {task: {} for task in TASKS}
    for name in STAGES:
        for task in TASKS:
            left = LIMIT - (time.perf_counter() - began)
            results[task][name] = run_stage(name, task, scale, folder, seconds=min(left, LONGEST))
            note(path, results, scale)
            print(f"{time.perf_counter() - began:4.0f} s  {name} {task}: {json.dumps(results[task][name])}", flush=True)
    print(render(results, scale))
    return not any("error" in numbers for found in results.values() for numbers in found.values())


def note(path: Path, numbers: dict[str, Any], scale: Scale) -> None:
    """Put numbers into the file, in the place of those of the same names."""
    known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    name = torch.cuda.get_device_name() if scale.device == "cuda" else "cpu"
    write_json(path, {**known, **numbers, "device": name, "torch": str(torch.__version__)})


def main(arguments: list[str]) -> int:
    """Do what the command line says; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", metavar="camvid | OPTION=VALUE")
    parser.add_argument("--data", type=Path, help="CamVid as a Cityscapes tree")
    args = parser.parse_intermixed_args(arguments)
    given = dict(word.split("=", 1) for word in args.words if "=" in word)
    scale = SCALES[given.get("device", "cuda")]
    if scale.device == "cuda" and not torch.cuda.is_available():
        parser.error("no GPU; device=cpu tries all of it on tiny sizes")
    path = RESULTS / "gpu.json" if scale.device == "cuda" else Path(tempfile.gettempdir(), "gpu_trial.json")
    with tempfile.TemporaryDirectory() as folder:
        if "camvid" not in args.words:
            return 0 if measure(scale, path, Path(folder)) else 1
        if args.data is None:
            parser.error("camvid needs --data DIR")
        options = [word for word in args.words if "=" in word and word.partition("=")[0] not in OWN]
        minutes = float(given.get("minutes", 8))
        numbers = camvid.run(args.data, scale, Path(folder), minutes=minutes, options=options)
    note(path, {"camvid": numbers}, scale)
    print(json.dumps(numbers, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
