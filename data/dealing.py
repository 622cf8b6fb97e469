"""Which samples of an epoch a process loads where several work as one: plain arithmetic on positions.

In training every process has its share of each batch, so that together they take the steps of a single one. In
evaluation batches are dealt out whole: each image comes once, in the batch that a single process would put it in.
"""

from typing import NamedTuple

import numpy as np


class Share(NamedTuple):
    """One of several processes."""

    rank: int  # from 0
    world: int  # how many there are


ALONE = Share(0, 1)


def deal_images(order: np.ndarray, batch_size: int, share: Share) -> np.ndarray:
    """Return what a process has of each batch: batch[rank::world].

    Args:
        order: (N,), of an epoch or what is left of it, from the first sample of a batch on.
        batch_size: of all processes together. A smaller batch at the end is left out, unless it is the only one.
        share: of the process.
    """
    whole = max(1, len(order) // batch_size) * batch_size
    positions = np.arange(min(whole, len(order)))
    return order[positions[positions % batch_size % share.world == share.rank]]


def deal_batches(order: np.ndarray, batch_size: int, share: Share) -> np.ndarray:
    """Return the samples (M,) of the batches that a process has of an epoch's order (N,): batches[rank::world]."""
    return order[np.arange(len(order)) // batch_size % share.world == share.rank]


def count_images(length: int, batch_size: int, share: Share) -> int:
    """Return how many images a process has in each training batch, from `length` samples."""
    return len(range(share.rank, min(batch_size, length), share.world))
