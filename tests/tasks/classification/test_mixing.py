import numpy as np
import pytest
import torch

from data.batches import ClassificationBatch, stack_mixes
from data.mixing import Mix, draw_mix
from tasks.classification.mixing import mix
from tests.support.synchronization import no_synchronization

IMAGES = torch.randint(0, 256, (4, 3, 24, 32), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
TARGETS = torch.eye(4).bool()
NAMES = tuple("abcd")


def mix_all(mixes):
    return mix(ClassificationBatch(IMAGES, TARGETS, NAMES, *stack_mixes(mixes)))


def draw(seed, *, mixup=0.0, cutmix=0.0):
    generator = np.random.default_rng(seed)
    return mix_all([draw_mix((24, 32), generator, mixup=mixup, cutmix=cutmix) for _ in NAMES])


def test_whole_images_and_their_targets_are_blended_alike():
    images, targets = mix_all([Mix(weight, (0, 0, 0, 0)) for weight in (1.0, 0.25, 0.5, 0.0)])
    torch.testing.assert_close(images[1], 0.25 * IMAGES[1] + 0.75 * IMAGES[0])
    assert torch.equal(images[0], IMAGES[0].float())
    assert targets.tolist() == [[1, 0, 0, 0], [0.75, 0.25, 0, 0], [0, 0.5, 0.5, 0], [0, 0, 1, 0]]


def test_a_part_is_the_others_and_so_is_its_share_of_the_target():
    images, targets = mix_all([Mix(1.0, (6, 8, 18, 24)), *[Mix(1.0, (0, 0, 0, 0))] * 3])
    expected = IMAGES[0].clone()
    expected[:, 6:18, 8:24] = IMAGES[3, :, 6:18, 8:24]
    assert torch.equal(images[0], expected.float())
    assert targets[0].tolist() == [0.75, 0, 0, 0.25]  # 12 x 16 of 24 x 32


def test_cut_areas_are_as_drawn_but_at_the_border():
    for seed in range(50):
        generator, same = np.random.default_rng(seed), np.random.default_rng(seed)
        top, left, bottom, right = draw_mix((240, 320), generator, mixup=0.0, cutmix=1.0).part
        share = (bottom - top) * (right - left) / (240 * 320)
        assert 0 <= top <= bottom <= 240
        assert 0 <= left <= right <= 320
        assert share <= 1 - same.beta(1.0, 1.0) + 0.01


@pytest.mark.parametrize(("mixup", "cutmix"), [(0.2, 0.0), (0.0, 1.0), (0.2, 1.0)])
def test_the_seed_decides_and_each_image_draws_for_itself(mixup, cutmix):
    first, again, other = (draw(seed, mixup=mixup, cutmix=cutmix) for seed in (0, 0, 1))
    assert torch.equal(first[0], again[0])
    assert not torch.equal(first[1], other[1])
    assert len({round(value, 6) for value in first[1].diagonal().tolist()}) > 1
    torch.testing.assert_close(first[1].sum(1), torch.ones(4))


def test_the_host_never_waits():
    batch = ClassificationBatch(IMAGES, TARGETS, NAMES, *stack_mixes([Mix(0.3, (1, 2, 9, 9))] * 4))
    with no_synchronization():
        assert mix(batch)[0].shape == IMAGES.shape


def test_both_ways_come_up_where_both_are_wanted():
    generator = np.random.default_rng(0)
    drawn = [draw_mix((24, 32), generator, mixup=5.0, cutmix=5.0) for _ in range(20)]
    assert {one.weight == 1.0 for one in drawn} == {True, False}


def test_nothing_is_mixed_where_nothing_is_wanted():
    images, targets = draw(0)
    assert images is IMAGES
    assert torch.equal(targets, TARGETS.float())


def test_a_batch_is_mixed_whole_or_not_at_all():
    with pytest.raises(ValueError, match="1 of 2 images have a change left to the device"):
        stack_mixes([Mix(0.5, (0, 0, 0, 0)), None])
