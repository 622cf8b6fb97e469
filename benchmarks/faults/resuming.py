"""Runs that are cut at any moment and resumed, compared bit by bit with the same run that was never cut.

Usage:
    python -m benchmarks.faults.resuming COUNT FOLDER    # prints a line for each variant

Each run is a process of its own, forked from one that has imported everything and calculated nothing. It is cut by
SIGKILL, or by a signal that it answers to, sent to it and its loading processes at a random moment: within a step, a
save, an evaluation, what is written at the end.
"""

import atexit
import itertools
import json
import logging
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import lightning as L
import numpy as np
import torch
from matplotlib.figure import Figure

from benchmarks.faults.row import Row
from tasks.cli.entry import clear_errors
from tasks.drawing.curves import read_series
from tasks.models.checkpoint import load_checkpoint
from tasks.runs.folder import CHECKPOINTS, LAST, WEIGHTS, list_logs
from tasks.train.command import train
from tasks.train.config import TrainConfig
from tasks.train.progress import Progress
from tasks.train.resuming import find_finished
from tests.support.figures import save_blank
from tests.support.runs import load_config, small_run

ROOT = Path(__file__).parents[2]
CUTS = 3  # of one run, at most
SOFT = {signal.SIGTERM: 143, signal.SIGUSR1: 138, signal.SIGHUP: 129, signal.SIGINT: 130}  # and the status after each
KINDS = (signal.SIGKILL, *SOFT)
WAIT = 0.002  # seconds between two looks
BEGUN, SAID = "begun", "said.txt"  # files of a process
MEASURED = "images_per_second"  # differs from run to run
EPOCHS = 3
COMMON = ("dataset.scenes={train: 13, val: 4}", f"trainer.max_epochs={EPOCHS}")
FILES = ("metrics.json", "results.json", "predictions/*", "analysis.json")


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


EVERYTHING = (
    "loss={ohem: 0.5, dice: 1.0, lovasz: 0.5, label_smoothing: 0.1, aux_weight: 0.4}",
    "augmentation.rare_crops=0.5",
)
TEACHER = "distill.teacher={teacher}"
STEPWISE = "trainer.save_every=1steps"
VARIANTS = (
    Variant("workers 0", "ssdlite", ("dataset.workers=0", STEPWISE)),
    Variant("workers 1", "ssdlite", ("dataset.workers=1", STEPWISE)),
    Variant("workers 2", "ssdlite", ("dataset.workers=2", "trainer.save_every=2steps")),
    Variant("workers null, defaults", "ssdlite", ("dataset.workers=null", "logger=tensorboard")),
    Variant("accumulation, cache", "ssdlite", ("trainer.accumulate_grad_batches=2", "dataset.cache=memory", STEPWISE)),
    Variant("no averaging, rmsprop", "ssdlite", ("trainer.ema_decay=0", "optimizer=rmsprop", "dataset.workers=2")),
    Variant("early stopping", "ssdlite", ("trainer.early_stopping=1", "lr=1e-6", "dataset.workers=1", STEPWISE)),
    Variant(
        "evaluated every 2nd epoch", "ssdlite", ("trainer.check_val_every_n_epoch=2", "dataset.workers=2", STEPWISE)
    ),
    Variant("evaluated at the end", "ssdlite", ("trainer.check_val_every_n_epoch=3", "dataset.workers=1", STEPWISE)),
    Variant("distillation", "ssdlite", (TEACHER, "dataset.workers=1", STEPWISE)),
    Variant("bfloat16", "lraspp", ("trainer.precision=bf16-mixed", "dataset.workers=0", STEPWISE)),
    Variant("tensorflow's recipe", "ssdlite_tensorflow", ("dataset.workers=2", "trainer.save_every=3steps")),
    Variant("workers 0", "lraspp", ("dataset.workers=0", STEPWISE)),
    Variant("workers 2, all losses", "lraspp", (*EVERYTHING, "dataset.workers=2", "trainer.save_every=2steps")),
    Variant("distillation, cache", "lraspp", (TEACHER, "dataset.workers=1", "dataset.cache=memory", STEPWISE)),
    Variant("workers 0", "raspp", ("dataset.workers=0", STEPWISE)),
    Variant("workers 1, accumulation", "raspp", ("dataset.workers=1", "trainer.accumulate_grad_batches=3", STEPWISE)),
    Variant("workers 2, auxiliary head", "raspp", (*EVERYTHING, "dataset.workers=2", "trainer.save_every=2steps")),
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
    found: dict[Variant, list[tuple[int, str]]] = {}
    wholes: dict[Variant, Whole] = {}
    teachers: dict[str, Path] = {}
    for variant in itertools.cycle(VARIANTS):
        place = folder / re.sub(r"\W+", "_", f"{variant.task} {variant.name}")
        if variant not in wholes:
            wholes[variant] = run_whole(variant, place, teachers=teachers)
            teachers.setdefault(variant.task, wholes[variant].out / "model.safetensors")
        left = count - sum(cuts for results in found.values() for cuts, _ in results)
        result = cut_and_compare(wholes[variant], place / "cut", most=min(CUTS, left), drawn=drawn)
        found.setdefault(variant, []).append(result)
        sys.stdout.write(f"{variant.task}, {variant.name}: {result}\n")
        if left <= result[0]:
            break
    rows = []
    for variant, results in found.items():
        held, of = sum(cuts for cuts, wrong in results if not wrong), sum(cuts for cuts, _ in results)
        notes = "; ".join(sorted({wrong for _, wrong in results if wrong}))
        rows.append(Row(f"resumed bit by bit: {variant.task}, {variant.name}", held, of, notes))
    (folder / "rows.json").write_text(json.dumps(rows))


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


def cut_and_compare(whole: Whole, out: Path, *, most: int, drawn: random.Random) -> tuple[int, str]:
    """Cut a run up to `most` times, resume it each time, and compare what it ends with.

    Returns:
        How often it was resumed, and what was wrong, "" for nothing.
    """
    shutil.rmtree(out, ignore_errors=True)
    cuts = 0
    child = start(out.parent, lambda: whole.configure(out))
    while cuts < most:
        kind = drawn.choice(KINDS)
        child.wait_until_begun()
        if not cuts:  # before the first checkpoint there is nothing to go on from
            child.wait_for(out / CHECKPOINTS / LAST)
        time.sleep(drawn.uniform(0, 0.6 * whole.seconds))
        child.send(kind)
        status = child.wait()
        if find_finished(out, epochs=EPOCHS) is not None:
            break
        if status != SOFT.get(kind, -kind):
            return max(1, cuts), f"{kind.name} ended it with status {status}: {child.said()}"
        cuts += 1
        child = start(out.parent, lambda: load_config("train", f"resume={out}"))
    status = child.wait()
    if find_finished(out, epochs=EPOCHS) is None:
        return max(1, cuts), f"not finished, status {status}: {child.said()}"
    return cuts, compare(whole.out, out)


class Child:
    """A run in a process of its own, which leads a group.

    Args:
        process: its id.
        place: where it writes what it says, and that it has begun.
    """

    def __init__(self, process: int, place: Path) -> None:
        self.process = process
        self.place = place
        self.status: int | None = None

    def _poll(self) -> bool:
        if self.status is None:
            ended, status = os.waitpid(self.process, os.WNOHANG)
            self.status = os.waitstatus_to_exitcode(status) if ended else None
        return self.status is not None

    def wait_for(self, path: Path) -> float:
        """Wait until a file is there, or the run has ended; return when."""
        while not path.exists() and not self._poll():
            time.sleep(WAIT)
        return time.monotonic()

    def wait_until_begun(self) -> float:
        """Wait until the first step begins."""
        return self.wait_for(self.place / BEGUN)

    def wait(self) -> int:
        """Wait until the run has ended, and return its exit status."""
        while not self._poll():
            time.sleep(WAIT)
        return int(self.status or 0)

    def send(self, kind: signal.Signals) -> None:
        """Send a signal to the run and its loading processes."""
        with suppress(ProcessLookupError):
            os.killpg(self.process, kind)

    def said(self) -> str:
        """Return the last line that it wrote."""
        return ((self.place / SAID).read_text().strip().splitlines() or ["nothing"])[-1]


def start(place: Path, configure: Callable[[], TrainConfig]) -> Child:
    """Start a run as a forked process."""
    place.mkdir(parents=True, exist_ok=True)
    (place / BEGUN).unlink(missing_ok=True)
    process = os.fork()
    if process:
        return Child(process, place)
    status = 1
    try:
        os.setpgid(0, 0)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        said = os.open(place / SAID, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(said, 1)
        os.dup2(said, 2)
        logging.basicConfig(level=logging.INFO, format="%(message)s", force=True)
        status = run_here(configure(), place / BEGUN)
    finally:
        atexit._run_exitfuncs()  # of the loading processes
        os._exit(status)


def run_here(config: TrainConfig, begun: Path) -> int:
    """Train, and return the exit status of the command."""
    begin = Progress.on_train_start

    def note(self: Progress, trainer: L.Trainer, module: L.LightningModule) -> None:
        begin(self, trainer, module)
        begun.touch()

    Progress.on_train_start = note  # type: ignore[method-assign]
    try:
        with clear_errors(debug=False):
            train(config)
    except SystemExit as error:
        return int(error.code or 0)
    return 0


def compare(whole: Path, cut: Path) -> str:
    """Name what differs between two finished runs; "" where nothing does."""
    differences = []
    for name in ("last.ckpt", "best.ckpt"):
        one, two = (flatten(read_trained(folder / CHECKPOINTS / name)) for folder in (whole, cut))
        differences += [f"{name}: {key}" for key in {**one, **two} if not same(one.get(key), two.get(key))]
    one, two = (read_series(list_logs(folder)) for folder in (whole, cut))
    for name in ({**one, **two}).keys() - {MEASURED}:
        if name not in one or name not in two or not all(map(np.array_equal, one[name], two[name])):
            differences.append(f"metrics.csv: {name}")
    one, two = (flatten(load_checkpoint(folder / WEIGHTS)) for folder in (whole, cut))
    differences += [f"{WEIGHTS}: {key}" for key in {**one, **two} if not same(one.get(key), two.get(key))]
    names = {path.relative_to(run).as_posix() for run in (whole, cut) for part in FILES for path in run.glob(part)}
    for name in sorted(names):
        files = [folder / name for folder in (whole, cut)]
        if not all(file.is_file() for file in files) or len({file.read_bytes() for file in files}) > 1:
            differences.append(name)
    return ", ".join(differences[:4]) + (f" and {len(differences) - 4} more" if len(differences) > 4 else "")


def read_trained(path: Path) -> dict[str, Any]:
    """Return what training has made of a checkpoint; not its times and places."""
    content = torch.load(path, weights_only=True)
    for key, state in content["callbacks"].items():
        if key.startswith("Checkpoints"):
            content["callbacks"][key] = {name: state[name] for name in ("best_model_score", "kth_value")}
        if "epoch" in state:
            content["callbacks"][key] = {**state, "epoch": {**state["epoch"], "seconds": None}}
    return content


def flatten(values: Any, name: str = "") -> dict[str, Any]:
    """Return nested dicts and lists as one dict."""
    if isinstance(values, dict | list | tuple):
        items = values.items() if isinstance(values, dict) else enumerate(values)
        return {key: value for part, inner in items for key, value in flatten(inner, f"{name}.{part}").items()}
    return {name: values}


def same(one: Any, two: Any) -> bool:
    """Tell whether two values are the same to the last bit."""
    if isinstance(one, torch.Tensor) and isinstance(two, torch.Tensor):
        return one.dtype == two.dtype and torch.equal(one, two)
    return type(one) is type(two) and one == two


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
