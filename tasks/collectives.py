"""Tensors of several processes that work as one: sums, means and what a loss is divided by.

A process alone has all that there is: its tensors come back as they are. See `tasks.processes`.
"""

from collections.abc import Mapping, Sequence

import torch
import torch.distributed as dist
from torch import Tensor, nn

from tasks.processes import count, find_share, sum_up


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


def part_of_mean(mean: Tensor, size: int) -> Tensor:
    """Return a process's mean over `size` items as its part of the mean over the items of all.

    Gradients are averaged over the processes; so they become those of the mean over all items.
    """
    if count() == 1:
        return mean
    return mean * (size / mean_count(torch.full((), float(size), device=mean.device)))


def widest(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Return the lowest of a number, and the highest of another, over all processes."""
    if count() == 1:
        return low, high
    limits = torch.stack([-low, high])
    dist.all_reduce(limits, dist.ReduceOp.MAX)
    return -limits[0], limits[1]


def take_previous(batches: Sequence[Tensor]) -> list[Tensor]:
    """Return of each item of a batch the one before it, and of the first the last, whichever process has it.

    Args:
        batches: tensors (N, ...) of one batch, of which a process has batch[rank::world], at least one item.

    Returns:
        As many tensors (N, ...).
    """
    if count() == 1:
        return [batch.roll(1, 0) for batch in batches]
    total = sum_up(len(batches[0]))
    return [_receive_previous(batch.contiguous(), total) for batch in batches]


def _receive_previous(own: Tensor, total: int) -> Tensor:
    """Pass items (N, ...) on from each process to the next; the last one of all goes to the first process."""
    rank, world = find_share()
    before, owner = (rank - 1) % world, (total - 1) % world  # who has the items before these, and the last of all
    received = own.new_empty((len(range(before, total, world)), *own.shape[1:]))
    exchange = [dist.P2POp(dist.isend, own, (rank + 1) % world), dist.P2POp(dist.irecv, received, before)]
    last = own[-1:].contiguous()
    if owner not in (0, world - 1):  # else the first process has it, or receives it with the others
        if rank == owner:
            exchange.append(dist.P2POp(dist.isend, last, 0))
        elif rank == 0:
            last = torch.empty_like(last)
            exchange.append(dist.P2POp(dist.irecv, last, owner))
    for work in dist.batch_isend_irecv(exchange):
        work.wait()
    if rank:
        return received[: len(own)]
    return received.roll(1, 0) if owner == world - 1 else torch.cat([last, received])


def average(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the means of scalars over all processes, without gradients."""
    if count() == 1:
        return {name: value.detach() for name, value in values.items()}
    means = all_sum(torch.stack([value.detach() for value in values.values()])) / count()
    return dict(zip(values, means.unbind(), strict=True))


def average_gradients(module: nn.Module) -> None:
    """Average the gradients of a module over all processes, in place."""
    if count() > 1:
        for parameter in module.parameters():
            if parameter.grad is not None:
                parameter.grad = all_sum(parameter.grad) / count()


def copy_from_first(tensors: list[Tensor]) -> None:
    """Give tensors the values that they have in the first process."""
    if count() > 1:
        for tensor in tensors:
            dist.broadcast(tensor, src=0)
