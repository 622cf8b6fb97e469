"""Training by several processes: the steps of a single one; what several do not do is refused."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.support.several import run, several
from tests.support.trainings import CASES, write_all

WORLDS = (1, 2, 3, 4)
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


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with what each number of processes has trained, in a folder of that name."""
    folder = tmp_path_factory.mktemp("trained")
    write_all(folder)
    for world in WORLDS:
        run(several(world, "tests.support.trainings", str(folder), str(folder / f"by{world}")))
    return folder


@pytest.mark.xdist_group("trained")  # so that one process has what is trained once
@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_several_processes_step_as_one(case: str, trained: Path) -> None:
    alone, *others = (read_losses(trained / f"by{world}" / case) for world in WORLDS)
    weights, *theirs = (read_weights(trained / f"by{world}" / case) for world in WORLDS)
    assert len(alone) == 2
    for world, losses, found in zip(WORLDS[1:], others, theirs, strict=True):
        assert losses == pytest.approx(alone, rel=1e-6), world
        near = 1e-4 if "hardest" in case else 1e-5  # which of two pixels is the harder may be a matter of rounding
        for name, value in found.items():
            assert torch.allclose(value.float(), weights[name].float(), rtol=10 * near, atol=near), (world, name)
