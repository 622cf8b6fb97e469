import numpy as np
import pytest
from PIL import Image

from data.decoding import decode_plain
from data.images import load_image


def write(path, *, mode="RGB", **options):
    pixels = np.random.default_rng(0).integers(0, 256, (37, 50, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((50, 37)).convert(mode).save(path, **options)
    return path


def decode(path):
    with Image.open(path) as image:
        return decode_plain(image)


@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"subsampling": 0}, {"quality": 20}, {"subsampling": 1}]
)
def test_pixels_are_pillows(tmp_path, options):
    path = write(tmp_path / "image.jpg", **options)
    found = decode(path)
    with Image.open(path) as image:
        assert np.array_equal(found, np.asarray(image))
    assert found.flags.c_contiguous
    assert np.array_equal(load_image(path), found)


@pytest.mark.parametrize(("name", "mode"), [("grey.jpg", "L"), ("print.jpg", "CMYK"), ("image.png", "RGB")])
def test_what_is_not_plain_is_left_to_pillow(tmp_path, name, mode):
    assert decode(write(tmp_path / name, mode=mode)) is None


def test_what_is_cut_off_is_left_to_pillow_which_says_so(tmp_path):
    path = write(tmp_path / "image.jpg")
    path.write_bytes(path.read_bytes()[:900])
    assert decode(path) is None
