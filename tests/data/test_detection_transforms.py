import numpy as np
import pytest

from data.samples import DetectionSample
from data.transforms import DetectionResize, DetectionTransform
from tests.support.transforms import HEIGHT, SIZE, WIDTH, assert_independent, assert_same, decisions, halves


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


@pytest.mark.parametrize("transform", [DetectionTransform(SIZE), DetectionResize(SIZE, rule="area")])
def test_an_item_keeps_the_id_and_the_size_of_its_image(transform):
    sample = detection_sample(np.zeros((40, 60, 3), np.uint8), [[5, 5, 20, 20]])
    item = transform(sample, 3)
    assert (item.image_id, item.size, item.image.shape[:2]) == (1, (40, 60), SIZE)


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
