"""torchrun -m tests.support.exchanges: what several processes compute of their parts is what one does of all."""

import sys

import torch

from tasks.collectives import part_of_mean, take_previous, widest
from tasks.processes import find_share, together
from tasks.segmentation.losses import cross_entropy_loss
from tasks.segmentation.pixels import Pixels
from tasks.segmentation.upsampling import Upsampling

DONE = "all that was checked holds"  # says each process at its end


def check_previous() -> None:
    """Each item gets the one before it, however many there are."""
    rank, world = find_share()
    for total in range(world, 3 * world + 1):
        whole = torch.arange(2 * total, dtype=torch.uint8).view(total, 2)
        first, second = take_previous([whole[rank::world], whole[rank::world].float()])
        assert torch.equal(first, whole.roll(1, 0)[rank::world]), total
        assert torch.equal(second, first.float()), total


def check_means() -> None:
    """The mean of the parts is the mean of all, and limits are those of all."""
    rank, world = find_share()
    values = torch.arange(7.0)
    own = values[rank::world]
    parts = torch.stack([part_of_mean(own.mean(), len(own))])
    torch.distributed.all_reduce(parts)
    torch.testing.assert_close(parts[0] / world, values.mean())
    low, high = widest(own.min(), own.max())
    assert (float(low), float(high)) == (0.0, 6.0)


def check_hardest() -> None:
    """The hardest pixels, and their gradients, are those of the whole batch."""
    rank, world = find_share()
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(7, 4, 6, 8, generator=generator)
    masks = torch.randint(0, 5, (7, 24, 32), generator=generator)
    masks[masks == 4] = 255
    upsampling = Upsampling((24, 32), align_corners=False)
    own = logits[rank::world].clone().requires_grad_()
    loss = cross_entropy_loss(Pixels(own, masks[rank::world], upsampling), ohem=0.3)
    loss.backward()
    own_pixels = Pixels(logits.requires_grad_(), masks, upsampling)
    losses = -(own_pixels.own * own_pixels.counted).flatten()
    quota = round(0.3 * int(own_pixels.counted.sum()))
    expected = losses.topk(quota).values.mean()
    expected.backward()
    total = loss.detach().clone()
    torch.distributed.all_reduce(total)
    torch.testing.assert_close(total / world, expected.detach())
    assert own.grad is not None
    assert logits.grad is not None
    torch.testing.assert_close(own.grad / world, logits.grad[rank::world])


if __name__ == "__main__":
    with together("cpu", timeout=60):
        check_previous()
        check_means()
        check_hardest()
        sys.stdout.write(f"{DONE}\n")
