"""The hardest pixels of several processes together, without any of them seeing the others' (OHEM)."""

import torch
from torch import Tensor

from tasks.collectives import all_sum

BITS = 8  # of a number that one exchange settles
BINS = 2**BITS


def weigh_hardest(losses: Tensor, quota: Tensor) -> Tensor:
    """Return how much each pixel counts among the `quota` largest losses of all processes.

    The least of them is found bit by bit, from counts of all processes: numbers from 0 on are in the order of their
    bits. Those that equal it share what is left of the quota.

    Args:
        losses: (P,) float32, from 0 on, of this process.
        quota: scalar int64, from 1 to the number of all losses.

    Returns:
        (P,) float32: 1 for what is larger than the least, a share for what equals it, 0 for the rest.
    """
    bits = losses.detach().abs().contiguous().view(torch.int32)  # of -0 too
    start, left = torch.zeros_like(bits[:0]).sum(), quota.long()  # the first bits of the least; its rank among those
    for shift in range(32 - BITS, -1, -BITS):
        begins_so = (bits >> (shift + BITS) if shift + BITS < 32 else torch.zeros_like(bits)) == start
        digits = (bits >> shift) & (BINS - 1)
        counts = torch.zeros(BINS, dtype=torch.int64, device=bits.device)
        counts = all_sum(counts.index_add(0, digits, begins_so.long()))
        from_here = counts.flip(0).cumsum(0).flip(0)  # (BINS,), of this digit or a larger one
        digit = (from_here >= left).sum() - 1
        larger = from_here.gather(0, digit[None])[0] - counts.gather(0, digit[None])[0]
        left = left - larger
        start = (start << BITS) + digit
    equal = counts.gather(0, digit[None])[0]
    least = start.int()
    return torch.where(bits == least, left / equal, (bits > least).to(losses.dtype))
