"""What several processes load: together the batches of a single one, each sample once."""

import numpy as np
import pytest

from data.dealing import Share, count_images, deal_batches, deal_images
from data.loading import EpochSampler


def cut(order, size):
    return [list(order[start : start + size]) for start in range(0, len(order), size)]


@pytest.mark.parametrize("batch_size", [4, 7, 8])
@pytest.mark.parametrize("world", [1, 2, 3, 4])
@pytest.mark.parametrize("length", [0, 3, 7, 8, 41])
def test_each_process_has_its_part_of_each_training_batch(length, world, batch_size):
    order = np.random.default_rng(0).permutation(length)
    whole = [batch for batch in cut(order, batch_size) if len(batch) == batch_size] or cut(order, batch_size)
    for rank in range(world):
        share = Share(rank, world)
        expected = [index for batch in whole for index in batch[rank::world]]
        assert deal_images(order, batch_size, share).tolist() == expected
        assert len(expected) == count_images(length, batch_size, share) * len(whole)


@pytest.mark.parametrize("world", [2, 3, 4])
@pytest.mark.parametrize("length", [0, 1, 7, 41, 101])
def test_evaluation_batches_are_dealt_out_whole(length, world):
    batches = cut(np.arange(length), 4)
    for rank in range(world):
        found = deal_batches(np.arange(length), 4, Share(rank, world))
        assert cut(found, 4) == batches[rank::world]


@pytest.mark.parametrize("world", [2, 3])
def test_a_run_cut_in_an_epoch_goes_on_with_the_same_batches_in_any_number_of_processes(world):
    alone = EpochSampler(41, shuffle=True, seed=5)
    alone.go_to(3, 16)
    batches = cut(list(alone), 8)[:3]
    for rank in range(world):
        sampler = EpochSampler(41, shuffle=True, seed=5, batch_size=8, share=Share(rank, world))
        assert len(sampler) == 5 * len(range(rank, 8, world))
        sampler.go_to(3, 16)
        assert list(sampler) == [key for batch in batches for key in batch[rank::world]]


def test_where_only_the_batch_that_is_left_out_is_left_nothing_is_loaded():
    for rank in range(2):
        sampler = EpochSampler(17, shuffle=True, seed=5, batch_size=5, share=Share(rank, 2))
        sampler.go_to(3, 15)
        assert list(sampler) == []


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("world", [1, 2, 4])
def test_what_is_prepared_is_as_near_in_the_order_of_all_processes_as_in_that_of_one(world, shuffle):
    ahead, batch_size = 32, 8
    for rank in range(world):
        sampler = EpochSampler(
            400, shuffle=shuffle, seed=5, ahead=ahead, batch_size=batch_size, share=Share(rank, world)
        )
        turn = {sample: position for position, sample in enumerate(sampler.order(0).tolist())}
        early = [turn[key.later] - turn[key.sample] for key in sampler if key.later >= 0]
        assert early
        assert all(ahead - world * batch_size <= distance <= ahead + world * batch_size for distance in early)
