import numpy as np
import pytest
import torch

from data.class_transforms import ASPECT, ClassificationResize, ClassificationTransform, draw_area
from data.samples import ClassificationSample

IMAGE = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)
SAMPLE = ClassificationSample(IMAGE, np.array([True, False]), "a.png")
EVERYTHING = {"color": 1.0, "erase": 1.0}


@pytest.mark.parametrize("policy", ["none", "randaugment", "autoaugment"])
def test_the_same_seed_does_the_same_and_leaves_torchs_random_state(policy):
    transform = ClassificationTransform((48, 32), policy=policy, **EVERYTHING)
    state = torch.get_rng_state()
    first, again, other = (transform(SAMPLE, seed).image for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), state)
    assert first.shape == (48, 32, 3)
    assert first.dtype == np.uint8
    assert (first == again).all()
    assert (first != other).mean() > 0.5


def test_areas_have_the_shares_and_aspects_that_are_asked_for():
    generator = np.random.default_rng(0)
    drawn = np.array([draw_area((300, 300), generator, share=(0.1, 0.5), aspect=ASPECT) for _ in range(500)])
    top, left, height, width = drawn.T
    shares, aspects = height * width / 300**2, width / height
    assert 0.095 < shares.min() < 0.12
    assert 0.47 < shares.max() < 0.51
    assert abs(shares.mean() - 0.3) < 0.02
    assert 0.74 < aspects.min() < 0.8
    assert 1.25 < aspects.max() < 1.35
    assert (top + height <= 300).all()
    assert (left + width <= 300).all()
    assert max(top.min(), left.min()) <= 1


def test_where_no_area_fits_there_is_none():
    assert draw_area((4, 400), np.random.default_rng(0), share=(1.0, 1.0), aspect=(0.5, 2.0)) is None


def test_nothing_is_changed_where_nothing_is_asked_for():
    transform = ClassificationTransform((60, 90), area=(1.0, 1.0), flip=0.0)
    items = [transform(SAMPLE, seed) for seed in range(3)]  # of another aspect than any crop of the whole area
    assert all((item.image == IMAGE).all() for item in items)
    flipped = ClassificationTransform((60, 90), area=(1.0, 1.0), flip=1.0)(SAMPLE, 0).image
    assert (flipped == IMAGE[:, ::-1]).all()


def test_a_part_of_the_image_is_erased():
    transform = ClassificationTransform((60, 90), area=(1.0, 1.0), flip=0.0, erase=1.0)
    shares = np.array([(transform(SAMPLE, seed).image != IMAGE).any(axis=2).mean() for seed in range(100)])
    assert shares.min() > 0.015
    assert 0.2 < shares.max() < 0.35


def test_evaluation_resizes_the_whole_image():
    item = ClassificationResize((30, 45), rule="area")(SAMPLE, 0)
    np.testing.assert_allclose(item.image[0, 0], IMAGE[:2, :2].mean(axis=(0, 1)), atol=0.51)
    assert (item.target == SAMPLE.target).all()
    assert item.name == "a.png"
