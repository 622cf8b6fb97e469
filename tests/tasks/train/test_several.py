"""Training by several processes: the steps of a single one; what several do not do is refused."""

from pathlib import Path

import pytest
import torch

from tests.support import trainings
from tests.support.several import WORLDS, run_in_each
from tests.support.short_runs import read_losses

WEIGHTS = "checkpoints/last.ckpt"


def read_weights(out: Path) -> dict[str, torch.Tensor]:
    return torch.load(out / WEIGHTS, weights_only=True)["state_dict"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with what each number of processes has trained, in a folder of that name."""
    return run_in_each(trainings, tmp_path_factory.mktemp("trained"))


@pytest.mark.xdist_group("trained")  # so that one process has what is trained once
@pytest.mark.slow
@pytest.mark.parametrize("case", trainings.CASES)
def test_several_processes_step_as_one(case: str, trained: Path) -> None:
    alone, *others = (read_losses(trained / f"by{world}" / case) for world in WORLDS)
    weights, *theirs = (read_weights(trained / f"by{world}" / case) for world in WORLDS)
    assert len(alone) == 2
    for world, losses, found in zip(WORLDS[1:], others, theirs, strict=True):
        assert losses == pytest.approx(alone, rel=1e-6), world
        near = 1e-4 if "hardest" in case else 1e-5  # which of two pixels is the harder may be a matter of rounding
        for name, value in found.items():
            assert torch.allclose(value.float(), weights[name].float(), rtol=10 * near, atol=near), (world, name)
