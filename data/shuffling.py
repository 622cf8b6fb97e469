"""The orders of an epoch's samples: pure functions of (seed, epoch), whatever the format of the data set.

Mixing all samples is best for learning. Where they are read from large files, or a disk with a head, an order of blocks
needs but a window of them at a time: blocks of consecutive samples come in a random order, and the samples of each
`BLOCKS` of them are mixed.
"""

import numpy as np

BLOCKS = 8  # whose samples are mixed


def order_samples(length: int, *, seed: int, epoch: int, block: int | None = None) -> np.ndarray:
    """Return the indices (N,) of all samples in the order of an epoch.

    Args:
        length: N.
        seed: of the order.
        epoch: from 0.
        block: samples in a block; None mixes them all.
    """
    random = np.random.default_rng((seed, epoch))
    if block is None or block >= length:
        return random.permutation(length)
    blocks = random.permutation(-(-length // block))
    starts = np.arange(0, length, block)
    parts = [np.arange(starts[number], min(starts[number] + block, length)) for number in blocks]
    windows = [np.concatenate(parts[first : first + BLOCKS]) for first in range(0, len(parts), BLOCKS)]
    return np.concatenate([random.permutation(window) for window in windows])
