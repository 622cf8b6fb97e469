"""Runs of a few steps, by any number of processes."""

import csv
from pathlib import Path

import numpy as np


def list_options(task: str, out: Path, root: Path, *others: str) -> list[str]:
    """Return the command line of a run of a few steps, whose last batch of an epoch is left out."""
    return [
        f"task={task}",
        "backbone=small",
        f"dataset.root={root}",
        "dataset.scenes={train: 19, val: 5}",
        "dataset.workers=0",
        "size=[64,96]",
        "trainer.max_epochs=2",
        "trainer.accelerator=cpu",
        "trainer.progress_bar=false",
        "logger=csv",
        f"out={out}",
        *others,
    ]


def read_losses(out: Path) -> np.ndarray:
    """Return the loss that was logged, by step; a step that was done again counts once."""
    found = {}
    for file in sorted(out.glob("logs/*/metrics.csv")):
        with file.open() as lines:
            found |= {int(row["step"]): float(row["train/loss"]) for row in csv.DictReader(lines) if row["train/loss"]}
    return np.array([found[step] for step in sorted(found)])
