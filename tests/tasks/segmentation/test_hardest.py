"""The hardest pixels found bit by bit are those that sorting finds."""

import pytest
import torch

from tasks.segmentation.hardest import weigh_hardest
from tests.support.synchronization import no_synchronization

LOSSES = torch.randn(1000, generator=torch.Generator().manual_seed(0)).abs()


@pytest.mark.parametrize("quota", [1, 2, 333, 999, 1000])
def test_they_are_those_that_sorting_finds(quota):
    weights = weigh_hardest(LOSSES, torch.tensor(float(quota)))
    expected = torch.zeros(1000).index_fill(0, LOSSES.topk(quota).indices, 1.0)
    assert torch.equal(weights, expected)


def test_equal_ones_share_what_is_left():
    losses = torch.tensor([-0.0, 2.0, 1.0, 3.0, 1.0, 1.0, 0.0])
    assert weigh_hardest(losses, torch.tensor(4)).tolist() == pytest.approx([0, 1, 2 / 3, 1, 2 / 3, 2 / 3, 0])
    assert weigh_hardest(losses, torch.tensor(6)).tolist() == pytest.approx([0.5, 1, 1, 1, 1, 1, 0.5])


def test_the_host_never_waits():
    with no_synchronization():
        weigh_hardest(LOSSES, torch.full((), 7))
