"""What processes tell each other; alone they tell themselves."""

import pytest
import torch

from tasks import processes
from tasks.processes import (
    all_sum_with_gradient,
    find_largest,
    first_goes_first,
    from_first,
    gather,
    interleave,
    mean_count,
    together,
)


def test_what_was_dealt_out_comes_back_in_its_order() -> None:
    for world in (1, 2, 3, 4):
        for length in (0, 1, 7):
            parts = [list(range(length))[rank::world] for rank in range(world)]
            assert interleave(parts) == list(range(length))


def test_a_process_alone_does_everything_itself() -> None:
    with together("cpu", timeout=1), first_goes_first():
        assert from_first(lambda: 3) == 3
        assert gather("a") == ["a"]
        assert find_largest([2, 5]) == [2, 5]
        value = torch.tensor(4.0)
        assert all_sum_with_gradient(value) is value
        assert mean_count(torch.tensor(0.5)) == 1


def test_the_gradient_of_a_sum_over_processes_is_that_of_the_own_part_as_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "count", lambda: 3)
    monkeypatch.setattr(processes, "all_sum", lambda value: value.detach() + 10)
    own = torch.tensor(2.0, requires_grad=True)
    total = all_sum_with_gradient(own)
    assert float(total.detach()) == 12
    (total**2).backward()
    assert float(own.grad) == 2 * 12 * 3  # type: ignore[arg-type]
    assert float(mean_count(torch.tensor(2.0))) == 4
