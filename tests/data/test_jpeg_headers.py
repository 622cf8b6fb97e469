import io
import random

import numpy as np
import pytest
from PIL import Image

from data.errors import InputError
from data.image_headers import open_image, read_header
from data.images import COLOR_MODES, EXPECTED_IMAGE, inspect_image
from data.jpeg_headers import read_plain

PIXELS = np.random.default_rng(0).integers(0, 256, (13, 21, 3), dtype=np.uint8)


def encode(image=None, **options):
    file = io.BytesIO()
    (image or Image.fromarray(PIXELS)).save(file, "jpeg", **options)
    return file.getvalue()


def ask_pillow(content):
    """Return what Pillow says of a header, None where it is refused."""
    try:
        file = io.BytesIO(content)
        with open_image(file, name="a", modes=COLOR_MODES, expected=EXPECTED_IMAGE, most_pixels=None) as image:
            return read_header(image)
    except InputError:
        return None


EXIF = Image.Exif()
EXIF[0x0112] = 6
GREY, CMYK = Image.fromarray(PIXELS[..., 0]), Image.fromarray(PIXELS).convert("CMYK")
PLAIN = {
    "usual": encode(),
    "grey": encode(GREY),
    "quality": encode(quality=1),
    "subsampling": encode(subsampling=0),
    "optimized": encode(optimize=True),
    "restarts": encode(restart_marker_blocks=2),
    "density": encode(dpi=(300, 300)),
}
OTHERS = {
    "16-bit tables": encode(qtables=[[300] * 64, [400] * 64]),
    "exif": encode(exif=EXIF),
    "progressive": encode(progressive=True),
    "cmyk": encode(CMYK),
    "comment": encode(comment=b"hello"),
    "profile": encode(icc_profile=b"x" * 100),
    "no image": b"hello",
    "empty": b"",
    "start alone": b"\xff\xd8\xff",
}


@pytest.mark.parametrize("content", PLAIN.values(), ids=PLAIN)
def test_a_plain_header_says_what_pillow_says(content):
    assert read_plain(content) == ask_pillow(content) is not None


@pytest.mark.parametrize("content", OTHERS.values(), ids=OTHERS)
def test_any_other_is_left_to_pillow(content):
    assert read_plain(content) is None


@pytest.mark.parametrize("content", PLAIN.values(), ids=PLAIN)
def test_a_header_that_is_cut_anywhere_says_nothing_or_what_pillow_says(content):
    end = content.index(b"\xff\xda") + 20
    for length in range(end):
        found = read_plain(content[:length])
        assert found is None or found == ask_pillow(content[:length]), length


@pytest.mark.parametrize("content", PLAIN.values(), ids=PLAIN)
def test_a_damaged_header_says_nothing_or_what_pillow_says(content):
    generator, end, told = random.Random(0), content.index(b"\xff\xda") + 14, 0
    for _ in range(1500):
        damaged = bytearray(content)
        for _ in range(generator.choice([1, 1, 2, 5])):
            damaged[generator.randrange(end)] = generator.choice([0, 1, 2, 255, generator.randrange(256)])
        found = read_plain(bytes(damaged))
        told += found is not None
        assert found is None or found == ask_pillow(bytes(damaged)), damaged[:end]
    assert told > 100


def test_an_image_too_large_is_refused_with_a_plain_header_too(tmp_path):
    (tmp_path / "a.jpg").write_bytes(PLAIN["usual"])
    assert inspect_image(tmp_path / "a.jpg", most_pixels=13 * 21).raw == (13, 21)
    with pytest.raises(InputError, match="expected at most"):
        inspect_image(tmp_path / "a.jpg", most_pixels=13 * 21 - 1)
