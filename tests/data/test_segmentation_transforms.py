import numpy as np
import pytest

from data.resizing import find_size
from data.samples import IGNORE, SegmentationSample
from data.transforms import SegmentationResize, SegmentationTransform, WholeImage
from tests.support.transforms import HEIGHT, SIZE, WIDTH, assert_independent, assert_same, decisions, halves


def striped(seed, height=HEIGHT, width=WIDTH):
    """Return a sample of vertical and horizontal bands whose image is red, green or blue where the mask is 0, 1, 2."""
    rng = np.random.default_rng(seed)
    mask = np.zeros((height, width), dtype=np.uint8)
    for x in range(0, width, 24):
        mask[:, x : x + 24] = rng.integers(0, 3)
    mask[height // 3 : height // 2] = rng.integers(0, 3)
    image = np.zeros((height, width, 3), dtype=np.uint8)
    for channel in range(3):
        image[..., channel] = np.where(mask == channel, 255, 0)
    return SegmentationSample(image, mask, "name")


def uniform(mask, reach):
    """Tell which pixels have only pixels of their own value within `reach`: (H, W) bool; no pixel of the border."""
    same = np.zeros(mask.shape, dtype=bool)
    inner = mask[reach:-reach, reach:-reach]
    equal = np.ones(inner.shape, dtype=bool)
    for dy in range(2 * reach + 1):
        for dx in range(2 * reach + 1):
            equal &= mask[dy : dy + inner.shape[0], dx : dx + inner.shape[1]] == inner
    same[reach:-reach, reach:-reach] = equal
    return same


def test_masks_follow_the_image_and_padding_is_ignored():
    transform, padded, whole = SegmentationTransform(SIZE), 0, 0
    for seed in range(80):
        item = transform(striped(seed), seed)
        assert item.image.shape == (*SIZE, 3)
        assert (item.mask.shape, item.mask.dtype) == (SIZE, np.uint8)
        assert set(np.unique(item.mask)) <= {0, 1, 2, IGNORE}
        sure = uniform(item.mask, 2)
        grey = np.ptp(item.image.astype(int), axis=2) < 12
        np.testing.assert_array_equal(grey[sure], (item.mask == IGNORE)[sure])
        coloured = sure & (item.mask != IGNORE)
        np.testing.assert_array_equal(item.image.argmax(axis=2)[coloured], item.mask[coloured])
        padded, whole = padded + (item.mask == IGNORE).any(), whole + (item.mask != IGNORE).all()
    assert min(padded, whole) > 10


def test_scales_span_the_given_range():
    image = np.zeros((100, 100, 3), dtype=np.uint8)
    image[40:60, 40:60] = 255
    mask = (image[..., 0] > 0).astype(np.uint8)
    transform = SegmentationTransform((256, 256), scales=(0.5, 2.0))
    sides = [(transform(SegmentationSample(image, mask, ""), s).mask == 1).any(axis=0).sum() / 20 for s in range(150)]
    assert 0.45 <= min(sides) < 0.65
    assert 1.85 < max(sides) <= 2.05
    assert 1.0 < np.median(sides) < 1.5  # uniform between


def test_segmentation_crops_differ_and_reach_every_border():
    image = np.zeros((60, 90, 3), dtype=np.uint8)
    mask = np.zeros((60, 90), dtype=np.uint8)
    mask[:6], mask[-6:], mask[:, :6], mask[:, -6:] = 1, 1, 1, 1
    transform = SegmentationTransform((30, 30), scales=(1.0, 1.0))
    masks = [transform(SegmentationSample(image, mask, ""), seed).mask for seed in range(60)]
    assert len({item.tobytes() for item in masks}) > 15  # all those from the middle look alike
    for edge in ((0, slice(None)), (-1, slice(None)), (slice(None), 0), (slice(None), -1)):
        assert 2 < sum((item[edge] == 1).all() for item in masks) < 40


def test_segmentation_mirrors_and_distorts_independently():
    transform = SegmentationTransform((64, 64), scales=(1.0, 1.0))
    sample = SegmentationSample(halves(), np.zeros((64, 64), dtype=np.uint8), "")
    assert_independent(decisions(transform, sample))


@pytest.mark.parametrize("rare_crops", [0.0, 0.7])
def test_segmentation_repeats_itself_with_the_seed(rare_crops):
    sample = striped(0)
    first = [SegmentationTransform(SIZE, rare_crops=rare_crops)(sample, seed) for seed in range(6)]
    transform = SegmentationTransform(SIZE, rare_crops=rare_crops)
    for seed in reversed(range(6)):
        assert_same(transform(sample, seed), first[seed])
    assert len({item.image.tobytes() for item in first}) == 6


def test_rare_crops_hold_a_rare_class_at_any_scale():
    mask = np.zeros((60, 90), dtype=np.uint8)
    mask[30:34, 50:54] = 1
    sample = SegmentationSample(np.repeat(mask[..., None], 3, axis=2), mask, "")
    found = [
        [(SegmentationTransform((24, 24), rare_crops=share)(sample, seed).mask == 1).any() for seed in range(150)]
        for share in (0.0, 1.0)
    ]
    assert np.mean(found[0]) < 0.4
    assert np.mean(found[1]) > 0.5


@pytest.mark.parametrize("rare_crops", [-0.1, 1.5, float("nan")])
def test_a_share_of_crops_that_is_no_probability_is_refused(rare_crops):
    with pytest.raises(ValueError, match=r"augmentation.rare_crops: .*expected 0 to 1"):
        SegmentationTransform(SIZE, rare_crops=rare_crops)


@pytest.mark.parametrize("size", [None, (50, 70), 40])
def test_evaluation_never_touches_the_mask(size):
    sample = striped(2)
    item = SegmentationResize(size, rule="area")(sample, 0)
    np.testing.assert_array_equal(item.mask, striped(2).mask)
    assert item.image.shape[:2] == (size if isinstance(size, tuple) else find_size(sample.image.shape[:2], size))
    if size is None:
        np.testing.assert_array_equal(item.image, sample.image)


@pytest.mark.parametrize(
    "transform",
    [SegmentationTransform(SIZE), SegmentationResize(SIZE, rule="area"), WholeImage(SIZE, rule="area")],
)
def test_an_item_keeps_the_name_of_its_sample(transform):
    assert transform(striped(0), 3).name == "name"


def test_a_whole_image_is_resized_with_its_mask():
    image, mask = np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64), np.uint8)
    image[:32, :48], mask[:32, :48] = 255, 7
    item = WholeImage((32, 128), rule="area")(SegmentationSample(image, mask, ""), 0)
    expected = np.zeros((32, 128), bool)
    expected[:16, :96] = True
    np.testing.assert_array_equal(item.mask, np.where(expected, 7, 0))
    np.testing.assert_array_equal(item.image[..., 0] > 127, expected)
