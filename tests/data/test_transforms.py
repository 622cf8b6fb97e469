import numpy as np
import pytest

from data.resizing import find_size
from data.samples import IGNORE, DetectionSample, SegmentationSample
from data.transforms import (
    DetectionResize,
    DetectionTransform,
    SegmentationResize,
    SegmentationTransform,
    WholeImage,
)

HEIGHT, WIDTH = 120, 168
SIZE = (96, 128)


def detection_sample(image, boxes, labels=None, crowd=None):
    count = len(boxes)
    return DetectionSample(
        image=image,
        boxes=np.asarray(boxes, dtype=np.float32).reshape(-1, 4),
        labels=np.zeros(count, dtype=np.int64) if labels is None else np.asarray(labels, dtype=np.int64),
        crowd=np.zeros(count, dtype=bool) if crowd is None else np.asarray(crowd, dtype=bool),
        image_id=1,
    )


def scene(seed):
    """Draw a red, a green and a blue rectangle (labels 0, 1, 2; the green one a crowd) on black, in any order."""
    rng = np.random.default_rng(seed)
    image, boxes, third = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8), [], WIDTH // 3
    labels = rng.permutation(3)
    for column, label in enumerate(labels):
        width, height = rng.integers(12, third - 4), rng.integers(12, HEIGHT - 8)
        x, y = column * third + rng.integers(2, third - width), rng.integers(2, HEIGHT - height)
        image[y : y + height, x : x + width, label] = 255
        boxes.append([x, y, x + width, y + height])
    return detection_sample(image, boxes, labels, labels == 1)


def tight_box(image, channel):
    """Return the box of what stands out in one channel, at half of its strength."""
    values = image.astype(np.float64)
    strength = values[..., channel] - np.delete(values, channel, axis=2).max(axis=2)
    ys, xs = np.nonzero(strength > strength.max() / 2)
    return [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]


def halves():
    """Return an image whose left half is darker than its right one."""
    image = np.full((64, 64, 3), 90, dtype=np.uint8)
    image[:, 32:] = 140
    return image


def decisions(transform, sample):
    """Return (flipped, colours distorted) for each of 400 seeds, of images that are neither cropped nor resized."""
    found, image = [], sample.image
    for seed in range(400):
        out = transform(sample, seed).image
        flipped = out[:, :16].mean() > out[:, -16:].mean()
        found.append((flipped, not np.array_equal(out, image[:, ::-1] if flipped else image)))
    return np.array(found, dtype=float)


def assert_independent(found):
    """Assert that both happen about half of the time, and each as often with the other as without."""
    assert ((found.mean(axis=0) > 0.42) & (found.mean(axis=0) < 0.58)).all()
    assert abs(np.corrcoef(found.T)[0, 1]) < 0.15


def assert_same(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_same_seed_does_the_same_whatever_came_before():
    transform, other, sample = DetectionTransform(SIZE), DetectionTransform(SIZE), scene(0)
    first = [transform(sample, seed) for seed in range(8)]
    for seed in reversed(range(8)):
        assert_same(other(sample, seed), first[seed])
    assert len({item.image.tobytes() for item in first}) > 4  # some stay whole and as they are


def test_a_sample_is_not_changed_by_its_transform():
    sample, untouched = scene(3), scene(3)
    for seed in range(10):
        DetectionTransform(SIZE)(sample, seed)
    np.testing.assert_array_equal(sample.image, untouched.image)
    np.testing.assert_array_equal(sample.boxes, untouched.boxes)


@pytest.mark.parametrize("first", [0, 50, 100])
def test_boxes_labels_and_crowd_flags_follow_the_image(first):
    transform, seen, cropped = DetectionTransform(SIZE), 0, 0
    for seed in range(first, first + 50):
        item = transform(scene(seed), seed)
        assert item.image.shape == (*SIZE, 3)
        for box, label in zip(item.boxes, item.labels, strict=True):
            np.testing.assert_allclose(box, tight_box(item.image, label), atol=1.5)
        assert len(set(item.labels.tolist())) == len(item.labels)
        assert item.crowd.tolist() == (item.labels == 1).tolist()
        seen, cropped = seen + len(item.boxes), cropped + (len(item.boxes) < 3)
    assert seen > 80
    assert cropped > 5


def test_training_mirrors_half_of_the_images_with_their_boxes():
    sample, sides = scene(0), []
    for seed in range(200):
        item = DetectionTransform(SIZE)(sample, seed)
        centers = {int(k): (b[0] + b[2]) / 2 for k, b in zip(item.labels, item.boxes, strict=True)}
        first, last = int(sample.labels[0]), int(sample.labels[2])  # the leftmost and the rightmost
        if first in centers and last in centers:
            sides.append(centers[first] > centers[last])
    assert len(sides) > 80
    assert 0.35 < np.mean(sides) < 0.65


def test_detection_mirrors_and_distorts_independently():
    sample = detection_sample(halves(), [])
    assert_independent(decisions(DetectionTransform((64, 64)), sample))


def test_an_image_without_boxes_stays_whole():
    image = np.full((40, 60, 3), 50, dtype=np.uint8)
    image[:5], image[-5:], image[:, :5], image[:, -5:] = 200, 200, 200, 200
    for seed in range(20):
        item = DetectionTransform((40, 60))(detection_sample(image, []), seed)
        assert (item.boxes.shape, item.labels.shape, item.crowd.shape) == ((0, 4), (0,), (0,))
        assert (item.boxes.dtype, item.labels.dtype, item.crowd.dtype) == (np.float32, np.int64, bool)
        bright = item.image[..., 0] > item.image[20, 30, 0].astype(int) + 20
        assert bright[:5].all()
        assert bright[-5:].all()
        assert not bright[5:-5, 5:-5].any()


@pytest.mark.parametrize("rule", ["area", "bilinear", "antialias"])
def test_evaluation_only_resizes(rule):
    sample = scene(1)
    item = DetectionResize((HEIGHT // 2, WIDTH * 2), rule=rule)(sample, 0)
    np.testing.assert_allclose(item.boxes, sample.boxes * (2, 0.5, 2, 0.5), rtol=1e-5)
    np.testing.assert_array_equal(item.labels, sample.labels)
    np.testing.assert_array_equal(item.crowd, sample.crowd)
    assert item.boxes.dtype == np.float32
    same = DetectionResize((HEIGHT, WIDTH), rule=rule)(sample, 1)
    np.testing.assert_array_equal(same.image, sample.image)


@pytest.mark.parametrize("rule", ["area", "bilinear", "antialias"])
def test_training_resizes_by_the_rule_of_evaluation(rule):
    sample = scene(1)
    trained = DetectionTransform((40, 60), crop=0.0, color=0.0, rule=rule)(sample, 0).image
    evaluated = np.rint(DetectionResize((40, 60), rule=rule)(sample, 0).image)
    assert trained.dtype == np.uint8
    assert any(np.array_equal(evaluated, image) for image in (trained, trained[:, ::-1]))


def test_boxes_below_one_pixel_and_of_no_area_are_left_out():
    boxes = [[10, 10, 11.5, 60], [20, 20, 24, 24], [30, 30, 30, 50], [-8, -8, 40, 40]]
    image = np.zeros((100, 100, 3), dtype=np.uint8)
    item = DetectionTransform((50, 50), crop=0.0, color=0.0)(detection_sample(image, boxes, labels=[0, 1, 2, 3]), 0)
    assert item.labels.tolist() == [1, 3]
    mirrored = item.boxes[1, 2] == 50
    expected = [[38, 10, 40, 12], [30, 0, 50, 20]] if mirrored else [[10, 10, 12, 12], [0, 0, 20, 20]]
    np.testing.assert_allclose(item.boxes, expected, atol=1e-4)


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


@pytest.mark.parametrize("transform", [DetectionTransform(SIZE), DetectionResize(SIZE, rule="area")])
def test_an_item_keeps_the_id_and_the_size_of_its_image(transform):
    sample = detection_sample(np.zeros((40, 60, 3), np.uint8), [[5, 5, 20, 20]])
    item = transform(sample, 3)
    assert (item.image_id, item.size, item.image.shape[:2]) == (1, (40, 60), SIZE)


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


def test_a_crowd_is_never_cropped_into_background():
    image = np.zeros((100, 100, 3), np.uint8)
    boxes = [[0, 0, 100, 60], [70, 70, 90, 90]]
    sample = detection_sample(image, boxes, labels=[0, 1], crowd=[True, False])
    image[:60] = 255  # the crowd is white
    transform, cut = DetectionTransform((64, 64), color=0.0), 0
    for seed in range(60):
        item = transform(sample, seed)
        white = np.argwhere(item.image[..., 0] > 200)
        if len(white):
            assert item.crowd.any()
            low, high = white.min(0), white.max(0) + 1
            np.testing.assert_allclose(item.boxes[item.crowd][0], [low[1], low[0], high[1], high[0]], atol=1.5)
            cut += high[0] - low[0] < 30
    assert cut > 3
