"""Detectors that NetAdapt made quicker beside width-multiplied ones of the same measured latency, trained as long.

Usage:
    python -m benchmarks.netadapt demo --data DIR --runs DIR --seeds 0 1            # the scenes, COCO layout below
    python -m benchmarks.netadapt bccd --data DIR --runs DIR --options backbone=small

One adaptation goes to the smallest share of the latency in onnxruntime and passes the others on its way. Networks are
trained from scratch with the study's recipe, and the adapted ones also on, with the weights that are left. Rows land in
benchmarks/results/netadapt_STUDY.json as they come; what stands there already is not run again.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.timing import RESULTS
from tasks.adapt.log import Log, load_log, name_weights
from tasks.adapt.widths import own_rows
from tasks.files import write_json, write_text
from tasks.inference.loading import assemble
from tasks.latency.runtimes import Clock
from tasks.models import table_file
from tasks.models.architecture import Arch
from tasks.models.checkpoint import load_checkpoint
from tasks.models.network import Model, build_model

STUDIES = {"demo": ("experiment=demo_ssdlite",), "bccd": ("experiment=bccd_ssdlite",)}
WIDTHS = [round(0.2 + 0.05 * index, 2) for index in range(16)]
CLOCK = Clock("onnxruntime", seconds=0.5)
QUIET = ("trainer.progress_bar=false", "logger=none", "dataset.workers=0")


def run(name: str, *options: str) -> None:
    """Run `python -m tasks.NAME OPTIONS` on one thread."""
    command = [sys.executable, "-m", f"tasks.{name}", *options]
    subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL)


def find_step(log: Log, share: float) -> int:
    """Return the first step, from 1, whose network takes at most a share of the checkpoint's latency."""
    winners = [step.winner.latency for step in log.steps if step.winner is not None]
    return next(index for index, latency in enumerate(winners, start=1) if latency <= share * log.latency)


def time_network(path: Path) -> float:
    """Return the milliseconds of a trained network without what is before and behind it."""
    description, weights = load_checkpoint(path)
    model, size = assemble(description, weights), description.preprocessing.size
    if not isinstance(size, tuple):
        raise ValueError(f"{size}; expected (height, width)")
    return CLOCK.measure(Model(model.backbone, model.head), (3, *size))


def time_widths(arch: Arch, size: tuple[int, int]) -> dict[float, float]:
    """Return the milliseconds of width-multiplied networks, freshly initialised."""
    found: dict[float, float] = {}
    for width in WIDTHS:
        model = settle(build_model(replace(arch, width=width)), size)
        found[width] = CLOCK.measure(model, (3, *size))
        print(f"width {width}: {found[width]:.3f} ms", flush=True)
    return found


@torch.no_grad()
def settle(model: torch.nn.Module, size: tuple[int, int]) -> torch.nn.Module:
    """Give norms the statistics of noise: values that fade away to denormal ones would be slow."""
    norms = [layer for layer in model.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    model.train()(torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0)))
    return model.eval()


class Study:
    """One study: its options, where its runs are, and what is known so far."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.options = (*STUDIES[args.study], *args.options, *QUIET, f"dataset.root={args.data}")
        self.command = f"python -m tasks.train {' '.join((*STUDIES[args.study], *args.options))}"
        self.runs, self.path = args.runs, args.out or RESULTS / f"netadapt_{args.study}.json"
        self.known: dict[str, Any] = json.loads(self.path.read_text()) if self.path.is_file() else {}
        self.adapt, self.data, self.shares = args.adapt, args.data, args.shares

    def note(self, name: str, value: Any) -> None:
        """Keep a result on the disk."""
        self.known[name] = value
        write_json(self.path, self.known)
        print(name, json.dumps(value), flush=True)

    def train(self, name: str, *options: str) -> Path:
        """Train a network unless that was done; return its folder."""
        folder: Path = self.runs / name.replace(" ", "_").replace(",", "")
        if name in self.known:
            return folder
        start = time.perf_counter()
        if not (folder / "model.safetensors").is_file():
            run("train", *self.options, *options, f"out={folder}")
        metrics = json.loads((folder / "metrics.json").read_text())
        minutes = round((time.perf_counter() - start) / 60, 1)
        latency = min(time_network(folder / "model.safetensors") for _ in range(3))
        self.note(name, {"mAP": metrics["mAP"], "AP50": metrics["AP50"], "ms": round(latency, 3), "minutes": minutes})
        return folder

    def shrink(self, seed_run: Path) -> Log:
        """Adapt the seed's network to the smallest share."""
        out = self.runs / "adapted"
        again = (f"resume={out}",) if (out / "config.yaml").is_file() else ()
        start = time.perf_counter()
        if "adaptation" not in self.known:
            new = (
                f"checkpoint={seed_run / 'model.safetensors'}",
                f"target_latency={min(self.shares)}x",
                "device=onnxruntime",
                "finish=none",
                "dataset.workers=0",
                f"dataset.root={self.data}",
                *self.adapt,
                f"out={out}",
            )
            run("adapt", *(again or new))
        log = load_log(out)
        if log is None:
            raise FileNotFoundError(out)
        if "adaptation" not in self.known:
            steps = [
                {
                    "predicted": s.winner.latency,
                    "measured": s.measured,
                    "metric": s.winner.metric,
                    "of": len(s.proposals),
                }
                for s in log.steps
                if s.winner is not None
            ]
            minutes = round((time.perf_counter() - start) / 60, 1)
            said = {
                "options": self.adapt,
                "minutes": minutes,
                "factor": log.factor,
                "seed": log.latency,
                "steps": steps,
            }
            self.note("adaptation", said)
        return log


def compare(study: Study, seeds: Sequence[int]) -> None:
    """Train what is not trained yet, seed by seed."""
    seed_run = study.train("seed network")
    description, _ = load_checkpoint(seed_run / "model.safetensors")
    log, size = study.shrink(seed_run), description.preprocessing.size
    if not isinstance(size, tuple):
        raise ValueError(f"{size}; expected (height, width)")
    if "widths" not in study.known:
        study.note("widths", {str(width): ms for width, ms in time_widths(description.arch, size).items()})
    start = own_rows(description.arch)
    for seed in seeds:
        for share in study.shares:
            step = find_step(log, share)
            weights = name_weights(study.runs / "adapted", step)
            arch = log.with_step(step, log.steps[step - 1]).rebuild(start)
            path = study.runs / f"backbone_{share}.yaml"
            write_text(path, table_file.format_table(table_file.describe(arch)))
            latency = log.steps[step - 1].measured
            widths = {float(width): ms for width, ms in study.known["widths"].items()}
            width = min(widths, key=lambda each: abs(widths[each] - (latency or 0.0)))
            # The same seed for both; the adapted network has seen the data in its adaptation, but begins anew.
            study.train(f"{share}x, adapted, scratch, seed {seed}", f"backbone={path}", f"seed={seed}")
            study.train(f"{share}x, width {width}, scratch, seed {seed}", f"model.width={width}", f"seed={seed}")
            study.train(
                f"{share}x, adapted, tuned, seed {seed}", f"backbone={path}", f"seed={seed}", f"weights={weights}"
            )


def main() -> None:
    """Run a study."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", choices=tuple(STUDIES))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--shares", type=float, nargs="+", default=[0.75, 0.5], help="of the latency")
    parser.add_argument("--options", nargs="*", default=[], help="of tasks.train, for every network")
    parser.add_argument("--adapt", nargs="*", default=[], help="of tasks.adapt")
    args = parser.parse_args()
    args.runs.mkdir(parents=True, exist_ok=True)
    study = Study(args)
    study.note("command", study.command)
    compare(study, args.seeds)


if __name__ == "__main__":
    main()
