"""A run on CamVid from scratch that takes so many minutes: LR-ASPP Large, crops of 352 x 480, 16 a step."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.gpu.runs import read_speed
from benchmarks.gpu.scale import QUIET, Scale
from tasks.evaluate.command import evaluate
from tasks.loaders import open_split
from tasks.train.command import train
from tests.support.runs import load_config

PROBE = 6  # epochs that the speed is measured in
RESERVE = 60.0  # seconds for both evaluations and the report


def run(root: Path, scale: Scale, out: Path, *, minutes: float, options: Sequence[str]) -> dict[str, Any]:
    """Measure the speed, train for as many epochs as fit, and evaluate on the test images.

    Args:
        root: CamVid as a Cityscapes tree, with the splits train, val and test.
        scale: device, and loading processes.
        out: folder of both runs; must be new.
        minutes: for all of it.
        options: of tasks.train, that come last.
    """
    began = time.perf_counter()
    common = (
        "experiment=camvid_lraspp",
        f"dataset.root={root}",
        "dataset.cache=memory",
        f"dataset.workers={scale.workers}",
        "batch_size=16",
        f"trainer.accelerator={scale.accelerator}",
        *QUIET,
        *options,
    )
    probe = load_config("train", *common, f"trainer.max_epochs={PROBE}", schedule_end(PROBE), f"out={out / 'probe'}")
    train(probe)
    images = len(open_split(probe.recipe.task, probe.dataset, "train"))
    left = minutes * 60 - (time.perf_counter() - began) - RESERVE
    epochs = max(1, int(left * read_speed(out / "probe") / images))
    train(load_config("train", *common, f"trainer.max_epochs={epochs}", schedule_end(epochs), f"out={out / 'run'}"))
    metrics = evaluate(
        load_config(
            "evaluate",
            f"checkpoint={out / 'run/checkpoints/last.ckpt'}",
            "dataset.val=test",
            f"accelerator={scale.accelerator}",
            f"out={out / 'test'}",
        )
    )
    return {
        "options": list(options),
        "images": images,
        "epochs": epochs,
        "images a second": read_speed(out / "run"),
        "minutes": (time.perf_counter() - began) / 60,
        "test mIoU": metrics["mIoU"],
    }


def schedule_end(epochs: int) -> str:
    """Return the option that has a run evaluated at its end alone."""
    return f"trainer.check_val_every_n_epoch={epochs}"
