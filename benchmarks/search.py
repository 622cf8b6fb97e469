"""A search over rows by Optuna's TPE beside random search at the same budget, on the synthetic scenes at a small scale.

Usage:
    python -m benchmarks.search --runs DIR --seeds 0 1 2
    python -m benchmarks.search --runs DIR --seeds 0 --trials 12 --out FILE

Segmenters with Small's rows at a width of .35, 64 x 96 pixels, 48 scenes, eight epochs a candidate without halving; the
best candidate is trained for four times as long. One such training took 16 seconds of a core. Three seeds of both
samplers at 40 trials are 240 of them, so that two idle cores should need less than an hour. The rows land in
benchmarks/results/search.json as they come; what stands there already is not run again.
"""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.ablations import run
from benchmarks.timing import RESULTS
from tasks.files import write_json

SAMPLERS = ("tpe", "random")
OPTIONS = (
    "task=lraspp",
    "backbone=small",
    "model.width=0.35",
    "model.bn_momentum=0.1",
    "dataset.scenes={train: 48, val: 16}",
    "dataset.workers=0",
    "dataset.cache=memory",
    "size=[64,96]",
    "batch_size=8",
    "lr=0.1",
    "trainer.ema_decay=0.8",
    "trainer.accelerator=cpu",
    "trainer.check_val_every_n_epoch=4",
    "trainer.max_epochs=32",
    "epochs=8",
    "logger=csv",
    "device=torch",
    "target_latency=0.8x",
    "pruner=none",
)


def measure(sampler: str, seed: int, *, trials: int, jobs: int, runs: Path) -> dict[str, Any]:
    """Search once, and return what came out.

    Returns:
        The best reward after each trial, the Pareto front, and the best candidate trained in full.
    """
    folder, start = runs / f"{sampler}-{seed}", time.perf_counter()
    words = (f"out={folder}", f"dataset.root={runs / 'scenes'}", f"trials={trials}", f"jobs={jobs}")
    run("search", *OPTIONS, *words, f"sampler={sampler}", f"seed={seed}")
    candidates = json.loads((folder / "trials.json").read_text(encoding="utf-8"))
    finals = json.loads((folder / "finals/trials.json").read_text(encoding="utf-8"))
    known = {candidate["number"]: candidate for candidate in candidates["candidates"]}
    rewards = [trial["value"] or 0.0 for trial in candidates["trials"]]
    return {
        "trials": trials,
        "minutes": round((time.perf_counter() - start) / 60, 1),
        "target_ms": round(candidates["target_ms"], 4),
        "best_reward": [round(max(rewards[: count + 1]), 4) for count in range(trials)],
        "front": [known[number] for number in candidates["front"]],
        "final_reward": round(finals["trials"][0]["value"], 4),
    }


def render(rows: dict[str, Any]) -> str:
    """Write the rewards as a Markdown table."""
    lines = ["| sampler, seed | trials | best reward | trained in full | minutes |", "|---|---:|---:|---:|---:|"]
    for name, row in rows.items():
        numbers = f"{row['best_reward'][-1]:.4f} | {row['final_reward']:.4f} | {row['minutes']}"
        lines.append(f"| {name} | {row['trials']} | {numbers} |")
    return "\n".join(lines)


def main() -> None:
    """Run what is not there yet, seed by seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULTS / "search.json")
    given = parser.parse_args()
    results = json.loads(given.out.read_text(encoding="utf-8")) if given.out.is_file() else {"rows": {}}
    results |= {"options": OPTIONS, "torch": torch.__version__, "cores": os.cpu_count(), "jobs": given.jobs}
    for seed in given.seeds:
        for sampler in SAMPLERS:
            name = f"{sampler}, {seed}"
            if name not in results["rows"]:
                results["rows"][name] = measure(sampler, seed, trials=given.trials, jobs=given.jobs, runs=given.runs)
                write_json(given.out, results)
    print(render(results["rows"]))


if __name__ == "__main__":
    main()
