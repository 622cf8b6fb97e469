import pytest
import torch

from tasks.classification.mixing import mix, mix_parts, mix_whole
from tests.support.synchronization import no_synchronization

IMAGES = torch.randint(0, 256, (4, 3, 24, 32), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
TARGETS = torch.eye(4)


def test_whole_images_and_their_targets_are_blended_alike():
    images, targets = mix_whole(IMAGES.float(), TARGETS, torch.tensor(0.25))
    torch.testing.assert_close(images[1], 0.25 * IMAGES[1] + 0.75 * IMAGES[0])
    assert targets[1].tolist() == [0.75, 0.25, 0, 0]
    assert targets[0].tolist() == [0.25, 0, 0, 0.75]


def test_targets_have_the_shares_that_the_pixels_have():
    torch.manual_seed(0)
    for weight in (0.0, 0.3, 0.9, 1.0):
        images, targets = mix_parts(IMAGES.float(), TARGETS, torch.tensor(weight))
        own = (images == IMAGES).all(dim=1)  # (N, H, W)
        theirs = (images == IMAGES.roll(1, 0)).all(dim=1)
        assert (own | theirs).all()
        share = own.float().mean((1, 2))
        torch.testing.assert_close(targets.diagonal(), share, atol=2e-3, rtol=0)
        assert (share >= weight - 0.1).all()
        assert (targets.sum(1) - 1).abs().max() < 1e-6


@pytest.mark.parametrize(("mixup", "cutmix"), [(0.2, 0.0), (0.0, 1.0), (0.2, 1.0)])
def test_the_seed_decides_and_the_host_never_waits(mixup, cutmix):
    drawn = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        with no_synchronization():
            drawn.append(mix(IMAGES, TARGETS, mixup=mixup, cutmix=cutmix))
    assert torch.equal(drawn[0][0], drawn[1][0])
    assert not torch.equal(drawn[0][1], drawn[2][1])
    assert all(images.shape == IMAGES.shape for images, _ in drawn)
    torch.testing.assert_close(drawn[2][1].sum(1), torch.ones(4))


def test_both_ways_come_up_where_both_are_wanted():
    ways = set()
    for seed in range(20):
        torch.manual_seed(seed)
        images, _ = mix(IMAGES, TARGETS, mixup=5.0, cutmix=5.0)
        ways.add(bool(((images == IMAGES) | (images == IMAGES.roll(1, 0))).all()))
    assert ways == {True, False}


def test_nothing_is_mixed_where_nothing_is_wanted():
    images, targets = mix(IMAGES, TARGETS, mixup=0.0, cutmix=0.0)
    assert torch.equal(images, IMAGES.float())
    assert targets is TARGETS
