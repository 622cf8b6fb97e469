import numpy as np
import pytest

from data.shuffling import BLOCKS, order_samples


@pytest.mark.parametrize("block", [None, 1, 7, 100, 1000])
def test_every_sample_comes_once_in_another_order_each_epoch(block):
    orders = [order_samples(100, seed=3, epoch=epoch, block=block) for epoch in (0, 0, 1)]
    assert np.array_equal(np.sort(orders[0]), np.arange(100))
    assert np.array_equal(orders[0], orders[1])
    assert not np.array_equal(orders[0], orders[2])


def test_without_blocks_the_order_is_numpys_own():
    wanted = np.random.default_rng((3, 5)).permutation(100)
    assert np.array_equal(order_samples(100, seed=3, epoch=5), wanted)
    assert np.array_equal(order_samples(100, seed=3, epoch=5, block=100), wanted)


def test_a_window_of_the_order_is_in_few_blocks_and_mixes_them():
    order = order_samples(10_000, seed=0, epoch=0, block=50)
    for start in range(0, 10_000, BLOCKS * 50):
        window = order[start : start + BLOCKS * 50] // 50
        assert len(set(window.tolist())) == BLOCKS
        assert len(set(window[:50].tolist())) > BLOCKS // 2


def test_the_last_block_may_be_smaller_and_come_anywhere():
    places = [order_samples(81, seed=seed, epoch=0, block=8).tolist().index(80) for seed in range(40)]
    assert min(places) < 40 < max(places)
