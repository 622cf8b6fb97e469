import numpy as np
import pytest
import torch
from torch.nn import functional as F
from torchvision.transforms.functional import pil_to_tensor, resize, to_pil_image

from data.resizing import RESIZES, find_size, resize_image
from data.sizes import RESIZE_RULES


def noise(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def to_tensor(image):
    return torch.from_numpy(image).permute(2, 0, 1)[None].float()


@pytest.mark.parametrize("size", [(20, 24), (64, 31), (90, 120)])
def test_antialias_is_what_torchvision_does_with_pictures(size):
    image = noise(60, 80)
    expected = pil_to_tensor(resize(to_pil_image(image), list(size), antialias=True)).permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(resize_image(image, size, rule="antialias"), expected)


@pytest.mark.parametrize("size", [(20, 24), (64, 31), (90, 120)])
def test_bilinear_is_what_torchvisions_detectors_do(size):
    image = noise(60, 80)
    expected = F.interpolate(to_tensor(image), size=size, mode="bilinear", align_corners=False)
    assert (to_tensor(resize_image(image, size, rule="bilinear")) - expected).abs().max() < 5e-3  # of 255


def test_area_averages_where_the_image_shrinks_by_a_whole_number():
    image = noise(60, 80)
    expected = image.reshape(20, 3, 20, 4, 3).mean((1, 3))
    np.testing.assert_allclose(resize_image(image, (20, 20), rule="area"), expected, atol=0.51)


@pytest.mark.parametrize("original", [(480, 640), (640, 480), (333, 500), (500, 500), (427, 641)])
def test_one_number_is_the_shorter_side_as_in_torchvision(original):
    expected = pil_to_tensor(resize(to_pil_image(noise(*original)), [52])).shape[1:]
    assert find_size(original, 52) == tuple(expected)


def test_every_rule_that_may_be_named_is_there():
    assert set(RESIZES) == set(RESIZE_RULES)


@pytest.mark.parametrize("rule", RESIZES)
def test_no_size_and_its_own_size_leave_an_image_alone(rule):
    image = noise(30, 40)
    assert resize_image(image, None, rule=rule) is image
    same = resize_image(image, (30, 40), rule=rule)
    np.testing.assert_array_equal(same, image)
    assert same.dtype == (np.float32 if rule == "bilinear" else np.uint8)  # whatever the sizes
