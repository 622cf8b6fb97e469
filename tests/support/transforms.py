"""What tests of transforms share: sizes, an image to be mirrored, and checks of what was drawn."""

import numpy as np

HEIGHT, WIDTH = 120, 168
SIZE = (96, 128)


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
