"""Tensors of several processes; alone they come back as they are."""

import pytest
import torch

from tasks import collectives
from tasks.collectives import all_sum_with_gradient, mean_count
from tests.support import exchanges
from tests.support.several import run, several


def test_a_process_alone_has_all_that_there_is() -> None:
    value = torch.tensor(4.0)
    assert all_sum_with_gradient(value) is value
    assert mean_count(torch.tensor(0.5)) == 1


def test_the_gradient_of_a_sum_over_processes_is_that_of_the_own_part_as_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collectives, "count", lambda: 3)
    monkeypatch.setattr(collectives, "all_sum", lambda value: value.detach() + 10)
    own = torch.tensor(2.0, requires_grad=True)
    total = all_sum_with_gradient(own)
    assert float(total.detach()) == 12
    (total**2).backward()
    assert float(own.grad) == 2 * 12 * 3  # type: ignore[arg-type]
    assert float(mean_count(torch.tensor(2.0))) == 4


@pytest.mark.slow
@pytest.mark.parametrize("world", [2, 4])
def test_parts_make_up_the_whole(world: int) -> None:
    assert run(several(world, exchanges.__name__)).count(exchanges.DONE) == world
