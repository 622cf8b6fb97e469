"""Training by several processes: the steps of a single one; what several do not do is refused."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.support.several import run, several

WEIGHTS = "checkpoints/last.ckpt"


def options(task: str, out: Path, root: Path, *others: str) -> list[str]:
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


def read_weights(out: Path) -> dict[str, torch.Tensor]:
    return torch.load(out / WEIGHTS, weights_only=True)["state_dict"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "batch_size", "worlds"), [("ssdlite", 8, (2, 4)), ("lraspp", 8, (2, 4)), ("ssdlite", 7, (3,))]
)
def test_several_processes_step_as_one(task: str, batch_size: int, worlds: tuple[int, ...], tmp_path: Path) -> None:
    for world in (1, *worlds):
        given = options(task, tmp_path / str(world), tmp_path / "scenes", f"batch_size={batch_size}")
        run(several(world, "tests.support.frozen_norms", *given))
    alone, weights = read_losses(tmp_path / "1"), read_weights(tmp_path / "1")
    assert len(alone) >= 2
    for world in worlds:
        assert read_losses(tmp_path / str(world)) == pytest.approx(alone, rel=1e-6)
        for name, value in read_weights(tmp_path / str(world)).items():
            assert torch.allclose(value.float(), weights[name].float(), rtol=1e-4, atol=1e-5), name
