import random

import albumentations as A
import numpy as np
import pytest

from data.crops import ScaledCrop, SSDRandomCrop, centers_inside, iou_with_crop, list_classes
from data.samples import IGNORE, DetectionSample

HEIGHT, WIDTH = 120, 168


def cut(sample, seed):
    """Run SSD's crop alone; returns the image, the boxes and which they are."""
    boxes = A.BboxParams(format="pascal_voc", label_fields=["kept"], clip=True, filter_invalid_bboxes=True)
    pipeline = A.Compose([SSDRandomCrop(p=1.0)], bbox_params=boxes)
    pipeline.set_random_state(np.random.default_rng(seed), random.Random(seed))
    out = pipeline(image=sample.image, bboxes=sample.boxes, kept=np.arange(len(sample.boxes)))
    return out["image"], np.asarray(out["bboxes"]).reshape(-1, 4), [int(index) for index in out["kept"]]


def positions(seed):
    """Return an image that holds at each pixel its own x and y, with random boxes."""
    rng = np.random.default_rng(seed)
    image = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    image[..., 0], image[..., 1] = np.arange(WIDTH), np.arange(HEIGHT)[:, None]
    low = rng.integers(0, (WIDTH - 20, HEIGHT - 20), (5, 2))
    high = np.minimum(low + rng.integers(8, 80, (5, 2)), (WIDTH, HEIGHT))
    boxes = np.concatenate((low, high), axis=1).astype(np.float32)
    return DetectionSample(image, boxes, np.zeros(5, dtype=np.int64), np.zeros(5, dtype=bool), image_id=1)


def test_the_crop_keeps_just_the_boxes_whose_centre_it_holds():
    dropped = 0
    for seed in range(150):
        sample = positions(seed)
        image, boxes, kept = cut(sample, seed)
        x, y = image[0, 0, :2].astype(int)
        crop = (x, y, x + image.shape[1], y + image.shape[0])
        assert image[-1, -1, :2].tolist() == [crop[2] - 1, crop[3] - 1]
        centers = (sample.boxes[:, :2] + sample.boxes[:, 2:]) / 2
        inside = [i for i, c in enumerate(centers) if crop[0] < c[0] < crop[2] and crop[1] < c[1] < crop[3]]
        assert kept == inside
        expected = sample.boxes[inside].clip((x, y, x, y), crop[2:] * 2) - (x, y, x, y)
        np.testing.assert_allclose(boxes, expected, atol=1e-3)
        dropped += len(kept) < 5
    assert dropped > 30


def test_crops_keep_a_box_and_the_limits_of_area_and_aspect():
    whole, shares = 0, []
    for seed in range(200):
        image, _, kept = cut(positions(seed), seed)
        height, width = image.shape[:2]
        assert kept
        if (height, width) == (HEIGHT, WIDTH):
            whole += 1
            continue
        shares.append(height * width / HEIGHT / WIDTH)
        assert 0.48 < width / height < 2.08  # sides are whole pixels
    assert 0.09 < min(shares) < 0.3
    assert max(shares) > 0.7
    assert 200 / 7 * 0.6 < whole < 200 * 0.7  # one in seven by choice, others where no trial fits


def test_crops_of_one_object_keep_the_drawn_overlap(monkeypatch):
    monkeypatch.setattr(SSDRandomCrop, "MIN_IOUS", (0.5,))
    sample = positions(0)
    sample.boxes = np.array([[30, 20, 130, 100]], dtype=np.float32)
    overlaps = []
    for seed in range(60):
        image, _, _ = cut(sample, seed)
        x, y = image[0, 0, :2].astype(int)
        low, high = np.maximum([30, 20], [x, y]), np.minimum([130, 100], [x + image.shape[1], y + image.shape[0]])
        inside = (high - low).prod()
        overlaps.append(inside / (100 * 80 + image.shape[0] * image.shape[1] - inside))
    whole = 100 * 80 / (HEIGHT * WIDTH)
    assert all(value >= 0.5 or value == pytest.approx(whole) for value in overlaps)
    assert sum(value >= 0.5 for value in overlaps) > 30


def test_centres_and_overlaps_by_hand():
    boxes, crop = np.array([[0.0, 0, 10, 10], [4, 4, 16, 16], [20, 20, 30, 30]]), (5, 5, 15, 15)
    assert centers_inside(boxes, crop).tolist() == [False, True, False]  # the first centre is on the corner
    np.testing.assert_allclose(iou_with_crop(boxes, crop), [25 / 175, 100 / 144, 0])


def cut_mask(crop, mask, seed):
    """Run a crop of a mask alone; returns what is cropped."""
    pipeline = A.Compose([crop])
    pipeline.set_random_state(np.random.default_rng(seed), random.Random(seed))
    out = pipeline(image=np.repeat(mask[..., None], 3, axis=2), mask=mask)
    np.testing.assert_array_equal(out["image"][..., 0], out["mask"])
    return out["mask"]


def crop_window(crop, mask, *, seed):
    """Return what a crop draws for a mask."""
    A.Compose([crop]).set_random_state(np.random.default_rng(seed), random.Random(seed))
    return crop.get_params_dependent_on_data({"shape": mask.shape}, {"mask": mask})


def test_the_classes_of_a_mask_by_hand():
    assert list_classes(np.array([[7, 0, IGNORE], [7, 18, 0]], dtype=np.uint8)) == [0, 7, 18]
    assert list_classes(np.full((2, 3), IGNORE, dtype=np.uint8)) == []


def test_a_window_at_half_the_size_is_twice_the_crop():
    mask = np.random.default_rng(0).integers(0, 19, (50, 70), dtype=np.uint8)
    crop = ScaledCrop(20, 30, scales=(0.5, 0.5))
    window = crop_window(crop, mask, seed=3)
    assert (window["window"][2] - window["window"][0], window["window"][3] - window["window"][1]) == (40, 60)
    assert window["size"] == (20, 30)


@pytest.mark.parametrize("pixel", [(0, 0), (0, 69), (49, 0), (49, 69), (25, 0), (20, 33)])
def test_a_class_of_one_pixel_is_in_half_of_the_crops_wherever_it_lies(pixel):
    mask = np.zeros((50, 70), dtype=np.uint8)
    mask[pixel] = 5
    masks = [cut_mask(ScaledCrop(10, 12, scales=(1.0, 1.0), rare=1.0), mask, seed) for seed in range(200)]
    assert {item.shape for item in masks} == {(10, 12)}
    assert 0.4 < np.mean([(item == 5).any() for item in masks]) < 0.65  # and in some of the crops around class 0


def test_the_drawn_pixel_may_lie_anywhere_in_the_crop():
    mask = np.full((50, 70), IGNORE, dtype=np.uint8)
    mask[20, 33] = 5
    places = np.array(
        [np.argwhere(cut_mask(ScaledCrop(10, 12, scales=(1.0, 1.0), rare=1.0), mask, s) == 5)[0] for s in range(300)]
    )
    assert places.min(axis=0).tolist() == [0, 0]
    assert places.max(axis=0).tolist() == [9, 11]


def test_the_share_decides_how_many_crops_are_around_a_rare_class():
    mask = np.zeros((80, 80), dtype=np.uint8)
    mask[40, 40] = 1
    found = [
        [(cut_mask(ScaledCrop(8, 8, scales=(1.0, 1.0), rare=p), mask, s) == 1).any() for s in range(300)]
        for p in (0.0, 0.5, 1.0)
    ]
    assert np.mean(found, axis=1) == pytest.approx([0.01, 0.25, 0.5], abs=0.08)


@pytest.mark.parametrize("size", [(50, 70), (50, 20), (1, 1)])
def test_crops_of_any_size_fit_images_of_ignored_pixels_alone_too(size):
    mask = np.full((50, 70), IGNORE, dtype=np.uint8)
    assert cut_mask(ScaledCrop(*size, scales=(1.0, 1.0), rare=1.0), mask, 0).shape == size
    mask[49, 69] = 2
    assert (cut_mask(ScaledCrop(*size, scales=(1.0, 1.0), rare=1.0), mask, 0) == 2).any()
