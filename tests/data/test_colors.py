import random

import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional

from data.colors import LUMA, ColorChange, turn_and_saturate

PLAIN = {"brightness": 1.0, "contrast": 1.0, "saturation": 1.0, "hue": 0.0}


def gradient():
    """Return an image of soft colours that no change below drives out of 0..255."""
    y, x = np.mgrid[0:32, 0:48]
    return np.stack([80 + 2 * y, 90 + x, 140 - y], axis=2).astype(np.uint8)


def change(image, **amounts):
    return ColorChange((0.7, 1.3), 0.03, p=1.0).apply(image, **{**PLAIN, **amounts}).astype(float)


def test_colours_by_hand():
    pixel = np.full((1, 1, 3), (100, 50, 0), dtype=np.uint8)
    grey = 0.299 * 100 + 0.587 * 50
    np.testing.assert_allclose(change(pixel, brightness=1.2)[0, 0], [120, 60, 0], atol=1)
    np.testing.assert_allclose(change(pixel, saturation=0.5)[0, 0], (np.array([100, 50, 0]) + grey) / 2, atol=1)
    np.testing.assert_allclose(change(pixel, saturation=0.0)[0, 0], [grey] * 3, atol=1)
    np.testing.assert_allclose(change(pixel, contrast=0.5)[0, 0], (np.array([100, 50, 0]) + grey) / 2, atol=1)


def test_nothing_drawn_changes_nothing():
    np.testing.assert_array_equal(change(gradient()), gradient())


@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation"])
@pytest.mark.parametrize("factor", [0.7, 1.0, 1.3])
def test_each_factor_does_what_torchvision_does(name, factor):
    expected = getattr(functional, f"adjust_{name}")(torch.from_numpy(gradient()).permute(2, 0, 1), factor)
    np.testing.assert_allclose(change(gradient(), **{name: factor}), expected.permute(1, 2, 0), atol=1.5)


def test_the_hue_turns_from_red_towards_green_and_keeps_the_luma():
    red, green, blue = turn_and_saturate(1 / 3, 1.0) @ (1.0, 0.0, 0.0)
    assert green > red > blue
    for hue in (-0.03, 0.03):
        turned = change(gradient(), hue=hue)
        np.testing.assert_allclose(turned @ LUMA, gradient() @ LUMA, atol=1.5)
        expected = functional.adjust_hue(torch.from_numpy(gradient()).permute(2, 0, 1), hue).permute(1, 2, 0).numpy()
        away = functional.adjust_hue(torch.from_numpy(gradient()).permute(2, 0, 1), -hue).permute(1, 2, 0).numpy()
        assert np.abs(turned - expected).mean() < 0.6 * np.abs(turned - away).mean()


def test_grey_stays_grey():
    image = np.full((4, 4, 3), 120, dtype=np.uint8)
    assert np.ptp(change(image, saturation=1.3, hue=0.03, brightness=0.8)) <= 1


def test_amounts_span_their_ranges_and_are_drawn_apart():
    step = ColorChange((0.7, 1.3), 0.03, p=1.0)
    step.set_random_state(np.random.default_rng(0), random.Random(0))
    drawn = np.array([list(step.get_params().values()) for _ in range(500)])  # (500, 4)
    np.testing.assert_allclose(drawn.min(axis=0), [0.7, 0.7, 0.7, -0.03], atol=0.01)
    np.testing.assert_allclose(drawn.max(axis=0), [1.3, 1.3, 1.3, 0.03], atol=0.01)
    assert np.abs(np.corrcoef(drawn.T) - np.eye(4)).max() < 0.15
