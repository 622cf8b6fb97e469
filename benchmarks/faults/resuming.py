"""Runs that are cut at any moment and resumed, compared bit by bit with the same run that was never cut.

Usage:
    python -m benchmarks.faults.resuming COUNT FOLDER    # prints a line for each variant

Each run is a process of its own, forked from one that has imported everything and calculated nothing. It is cut by
SIGKILL, or by a signal that it answers to, sent to it and its loading processes at a random moment: within a step, a
save, an evaluation, what is written at the end.
"""

import itertools
import json
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from matplotlib.figure import Figure

from benchmarks.faults.child import start
from benchmarks.faults.likeness import compare
from benchmarks.faults.row import Row
from tasks.runs.folder import CHECKPOINTS, LAST
from tasks.train.config import TrainConfig
from tasks.train.resuming import find_finished
from tests.support.figures import save_blank
from tests.support.runs import load_config, small_run

ROOT = Path(__file__).parents[2]
CUTS = 3  # of one run, at most
SOFT = {signal.SIGTERM: 143, signal.SIGUSR1: 138, signal.SIGHUP: 129, signal.SIGINT: 130}  # and the status after each
KINDS = (signal.SIGKILL, *SOFT)
EPOCHS = 3
COMMON = ("dataset.scenes={train: 13, val: 4}", f"trainer.max_epochs={EPOCHS}")


class Variant(NamedTuple):
    """A run to cut."""

    name: str
    task: str
    options: tuple[str, ...]


class Whole(NamedTuple):
    """A run that was never cut.

    Attributes:
        out: its folder.
        configure: gives the same run in another folder.
        seconds: that it took from its first step to its end.
    """

    out: Path
    configure: Callable[[Path], TrainConfig]
    seconds: float


class Result(NamedTuple):
    """What became of a run that was cut.

    Attributes:
        cuts: how often it was resumed.
        wrong: "" for nothing.
        seconds: at most from a signal that it answered to, to its end.
    """

    cuts: int
    wrong: str
    seconds: float


EVERYTHING = (
    "loss={ohem: 0.5, dice: 1.0, lovasz: 0.5, label_smoothing: 0.1, aux_weight: 0.4}",
    "augmentation.rare_crops=0.5",
)
TEACHER = "distill.teacher={teacher}"
STEPWISE = "trainer.save_every=1steps"
VARIANTS = (
    Variant("workers null, defaults", "ssdlite", ("dataset.workers=null", "logger=tensorboard")),
    Variant("workers 2, auxiliary head", "raspp", (*EVERYTHING, "dataset.workers=2", "trainer.save_every=2steps")),
    Variant("workers 0", "lraspp", ("dataset.workers=0", STEPWISE)),
    Variant("accumulation, cache", "ssdlite", ("trainer.accumulate_grad_batches=2", "dataset.cache=memory", STEPWISE)),
    Variant("workers 1, accumulation", "raspp", ("dataset.workers=1", "trainer.accumulate_grad_batches=3", STEPWISE)),
    Variant("early stopping", "ssdlite", ("trainer.early_stopping=1", "lr=1e-6", "dataset.workers=1", STEPWISE)),
    Variant("distillation, cache", "lraspp", (TEACHER, "dataset.workers=1", "dataset.cache=memory", STEPWISE)),
    Variant("workers 2", "ssdlite", ("dataset.workers=2", "trainer.save_every=2steps")),
    Variant("workers 0", "raspp", ("dataset.workers=0", STEPWISE)),
    Variant("workers 0", "ssdlite", ("dataset.workers=0", STEPWISE)),
    Variant("workers 1", "ssdlite", ("dataset.workers=1", STEPWISE)),
    Variant("no averaging, rmsprop", "ssdlite", ("trainer.ema_decay=0", "optimizer=rmsprop", "dataset.workers=2")),
    Variant(
        "evaluated every 2nd epoch", "ssdlite", ("trainer.check_val_every_n_epoch=2", "dataset.workers=2", STEPWISE)
    ),
    Variant("evaluated at the end", "ssdlite", ("trainer.check_val_every_n_epoch=3", "dataset.workers=1", STEPWISE)),
    Variant("distillation", "ssdlite", (TEACHER, "dataset.workers=1", STEPWISE)),
    Variant("bfloat16", "lraspp", ("trainer.precision=bf16-mixed", "dataset.workers=0", STEPWISE)),
    Variant("tensorflow's recipe", "ssdlite_tensorflow", ("dataset.workers=2", "trainer.save_every=3steps")),
    Variant("workers 2, all losses", "lraspp", (*EVERYTHING, "dataset.workers=2", "trainer.save_every=2steps")),
    Variant("workers null, defaults", "raspp", ("dataset.workers=null",)),
)


def measure(count: int, folder: Path) -> list[Row]:
    """Cut runs of all variants in turn until `count` of them were resumed.

    Args:
        count: of resumed cuts.
        folder: to work in.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "benchmarks.faults.resuming", str(count), str(folder.resolve())]
    subprocess.run(command, cwd=ROOT, check=True)
    return [Row(*values) for values in json.loads((folder / "rows.json").read_text())]


def main(count: int, folder: Path) -> None:
    """Measure in this process, which must not have calculated anything."""
    Figure.savefig = save_blank  # type: ignore[method-assign]
    torch.set_num_threads(1)
    drawn = random.Random(0)
    found: dict[Variant, list[Result]] = {}
    wholes: dict[Variant, Whole] = {}
    teachers: dict[str, Path] = {}
    for variant in itertools.cycle(VARIANTS):
        place = folder / re.sub(r"\W+", "_", f"{variant.task} {variant.name}")
        if variant not in wholes:
            wholes[variant] = run_whole(variant, place, teachers=teachers)
            teachers.setdefault(variant.task, wholes[variant].out / "model.safetensors")
        left = count - sum(result.cuts for results in found.values() for result in results)
        result = cut_and_compare(wholes[variant], place / "cut", most=min(CUTS, left), drawn=drawn)
        found.setdefault(variant, []).append(result)
        sys.stdout.write(f"{variant.task}, {variant.name}: {result}\n")
        sys.stdout.flush()
        if left <= result.cuts:
            break
    (folder / "rows.json").write_text(json.dumps([tabulate(*entry) for entry in found.items()]))


def tabulate(variant: Variant, results: list[Result]) -> Row:
    """Return the line of the table for a variant."""
    held, of = sum(result.cuts for result in results if not result.wrong), sum(result.cuts for result in results)
    notes = sorted({result.wrong for result in results if result.wrong})
    notes.append(f"at most {max(result.seconds for result in results):.1f} s from a signal to the end")
    return Row(f"resumed bit by bit: {variant.task}, {variant.name}", held, of, "; ".join(notes))


def run_whole(variant: Variant, place: Path, *, teachers: dict[str, Path]) -> Whole:
    """Do the run that is never cut."""
    shutil.rmtree(place, ignore_errors=True)
    out = place / "whole"
    options = [
        option.format(teacher=teachers[variant.task]) if "{teacher}" in option else option for option in variant.options
    ]
    options = [*COMMON, f"dataset.root={place.parent / 'synthetic'}", *options]
    child = start(place, lambda: small_run(variant.task, out, *options))
    begun = child.wait_until_begun()
    if child.wait() != 0:
        raise RuntimeError(f"{variant}: {child.said()}")
    return Whole(out, lambda cut: small_run(variant.task, cut, *options), time.monotonic() - begun)


def cut_and_compare(whole: Whole, out: Path, *, most: int, drawn: random.Random) -> Result:
    """Cut a run up to `most` times, resume it each time, and compare what it ends with."""
    shutil.rmtree(out, ignore_errors=True)
    cuts, slowest = 0, 0.0
    child = start(out.parent, lambda: whole.configure(out))
    while cuts < most:
        kind = drawn.choice(KINDS)
        child.wait_until_begun()
        if not cuts:  # before the first checkpoint there is nothing to go on from
            child.wait_for(out / CHECKPOINTS / LAST)
        time.sleep(drawn.uniform(0, 0.6 * whole.seconds))
        sent = time.monotonic()
        child.send(kind)
        status = child.wait()
        if find_finished(out, out / CHECKPOINTS / LAST, epochs=EPOCHS) is not None:
            break
        slowest = max(slowest, time.monotonic() - sent)
        if status != SOFT.get(kind, -kind):
            return Result(max(1, cuts), f"{kind.name} ended it with status {status}: {child.said()}", slowest)
        cuts += 1
        child = start(out.parent, lambda: load_config("train", f"resume={out}"))
    status = child.wait()
    if find_finished(out, out / CHECKPOINTS / LAST, epochs=EPOCHS) is None:
        return Result(max(1, cuts), f"not finished, status {status}: {child.said()}", slowest)
    return Result(cuts, compare(whole.out, out), slowest)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
