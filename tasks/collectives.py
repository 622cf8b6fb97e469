"""Tensors of several processes that work as one: sums, means and what a loss is divided by.

A process alone has all that there is: its tensors come back as they are. See `tasks.processes`.
"""

from collections.abc import Mapping

import torch
import torch.distributed as dist
from torch import Tensor

from tasks.processes import count


def all_sum(value: Tensor) -> Tensor:
    """Return the sum of a tensor over all processes, without a gradient; alone, the tensor itself."""
    if count() == 1:
        return value
    total = value.detach().clone()
    dist.all_reduce(total)
    return total


def all_sum_with_gradient(value: Tensor) -> Tensor:
    """Return the sum of a tensor over all processes, for a loss that each of them then computes of all that there is.

    Gradients are averaged over the processes; so that of the own part is taken as often as there are processes.
    """
    if count() == 1:
        return value
    return all_sum(value) + count() * (value - value.detach())


def mean_count(total: Tensor) -> Tensor:
    """Return by what a process divides its sum of losses, given its own count: by the mean of all processes' counts.

    Gradients are averaged over the processes; so they become those of all the losses divided by all that was counted,
    or by 1 where less was.
    """
    return total.clamp(min=1) if count() == 1 else all_sum(total).clamp(min=1) / count()


def average(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the means of scalars over all processes, without gradients."""
    if count() == 1:
        return {name: value.detach() for name, value in values.items()}
    means = all_sum(torch.stack([value.detach() for value in values.values()])) / count()
    return dict(zip(values, means.unbind(), strict=True))


def copy_from_first(tensors: list[Tensor]) -> None:
    """Give tensors the values that they have in the first process."""
    if count() > 1:
        for tensor in tensors:
            dist.broadcast(tensor, src=0)
