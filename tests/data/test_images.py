import os
import pickle
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from data.errors import InputError
from data.image_headers import SUFFIXES
from data.images import (
    decode_image,
    find_images,
    inspect_image,
    load_colors,
    load_image,
    load_mask,
    read_mask_size,
    read_size,
)
from data.reading import read_all

HEIGHT, WIDTH = 20, 30


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def save_rotated(path: Path, *, orientation: int) -> np.ndarray:
    """Save noise with an EXIF orientation; return the raw pixels as they decode without it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(noise()).save(path, exif=exif)
    with Image.open(path) as image:
        return np.array(image)


def truncate(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])


def test_a_png_comes_back_pixel_for_pixel_as_rgb(tmp_path):
    Image.fromarray(noise()).save(tmp_path / "a.png")
    image = load_image(tmp_path / "a.png")
    assert image.dtype == np.uint8
    assert image.flags.writeable
    np.testing.assert_array_equal(image, noise())


@pytest.mark.parametrize(
    ("mode", "name"),
    [(mode, "a.png") for mode in ("1", "L", "LA", "P", "RGBA")] + [("L", "a.jpg"), ("CMYK", "a.jpg")],
)
def test_every_common_pixel_format_becomes_rgb(tmp_path, mode, name):
    grey = Image.fromarray(np.full((HEIGHT, WIDTH), 255, dtype=np.uint8))
    grey.convert("RGB").convert(mode).save(tmp_path / name)
    with Image.open(tmp_path / name) as saved:
        assert saved.mode == mode
    image = load_image(tmp_path / name)
    assert image.shape == (HEIGHT, WIDTH, 3)
    assert image.min() >= 250
    assert read_size(tmp_path / name) == (HEIGHT, WIDTH)


@pytest.mark.parametrize("read", [load_image, load_mask, read_size, read_mask_size])
def test_files_that_are_no_images_are_refused_by_name(tmp_path, read):
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("hello, I am no image")
    (tmp_path / "folder.jpg").mkdir()
    reasons = {"missing": "no such file", "empty": "is empty", "text": "not an image", "folder": "is a folder"}
    for name, reason in reasons.items():
        with pytest.raises(InputError, match=rf"{name}\.jpg: .*{reason}.*; expected"):
            read(tmp_path / f"{name}.jpg")


@pytest.mark.skipif("HEIF" in SUFFIXES, reason="pillow-heif is installed")
def test_an_image_that_needs_a_plugin_says_which(tmp_path):
    (tmp_path / "a.HEIC").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    with pytest.raises(InputError, match=r"a\.HEIC: not read without pillow-heif; expected"):
        load_image(tmp_path / "a.HEIC")


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.bmp", "a.webp", "a.tif"])
def test_a_truncated_image_is_refused_by_name(tmp_path, name):
    Image.fromarray(noise()).save(tmp_path / name)
    truncate(tmp_path / name)
    with pytest.raises(InputError, match=rf"{name}: .*; expected a complete"):
        load_image(tmp_path / name)


@pytest.mark.parametrize("keep", [1, 4, 9, 20, 40, 60])
def test_a_png_cut_in_its_header_is_refused_by_name(tmp_path, keep):
    Image.fromarray(noise()).save(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:keep])
    with pytest.raises(InputError, match=r"a\.png: .*; expected"):
        load_image(tmp_path / "a.png")


def test_a_truncated_mask_is_refused_by_name(tmp_path):
    Image.fromarray(noise()[..., 0]).save(tmp_path / "a.png")
    truncate(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"a\.png: .*; expected a complete single-channel"):
        load_mask(tmp_path / "a.png")


@pytest.mark.parametrize(("dtype", "name"), [(np.uint16, "a.png"), (np.float32, "a.tif"), (np.int32, "a.tif")])
def test_images_of_more_than_8_bits_are_refused_at_the_header(tmp_path, dtype, name):
    Image.fromarray(np.ones((HEIGHT, WIDTH), dtype=dtype)).save(tmp_path / name)
    for read in (load_image, read_size):
        with pytest.raises(InputError, match=rf"{name}: pixel format is .*8 bits per channel"):
            read(tmp_path / name)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.ppm", "a.jp2"])
def test_colours_of_16_bits_are_refused_at_the_header(tmp_path, name):
    """12 bits in 16 would come out as 0 to 15."""
    pixels = np.random.default_rng(0).integers(0, 4096, (128, 128, 3), dtype=np.uint16)
    assert cv2.imwrite(str(tmp_path / name), pixels)
    for read in (load_image, read_size, load_colors):
        with pytest.raises(
            InputError, match=rf"{name}: pixel format is 'RGB' with 16 bits per channel; expected .* 8 bits"
        ):
            read(tmp_path / name)


@pytest.mark.parametrize("name", ["a.jfif", "a.gif", "a.ppm", "a.jp2", "a.apng", "a.avif"])
def test_whatever_pillow_reads_is_found_and_read(tmp_path, name):
    Image.fromarray(np.full((HEIGHT, WIDTH, 3), 200, dtype=np.uint8)).save(tmp_path / name)
    (path,) = find_images(tmp_path)
    assert load_image(path).shape == (HEIGHT, WIDTH, 3)
    assert abs(load_image(path).astype(int) - 200).max() < 4


def test_photographs_of_phones_are_found_where_their_plugin_is_installed(tmp_path):
    plugin = "from PIL import Image\ndef register_heif_opener(): Image.register_open('HEIF', None)\n"
    (tmp_path / "pillow_heif.py").write_text(plugin)
    code = "from data.images import EXTENSIONS; from data.image_headers import list_formats; "
    code += "print('.heic' in EXTENSIONS, 'HEIF' in list_formats())"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    found = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert found.stdout == "True True\n"


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif"])
@pytest.mark.parametrize(
    ("orientation", "turn"), [(1, lambda x: x), (3, lambda x: x[::-1, ::-1]), (6, lambda x: np.rot90(x, -1))]
)
def test_an_image_is_turned_upright(tmp_path, name, orientation, turn):
    save_rotated(tmp_path / name, orientation=1)
    upright = turn(load_image(tmp_path / name))
    save_rotated(tmp_path / name, orientation=orientation)
    np.testing.assert_array_equal(load_image(tmp_path / name), upright)
    assert read_size(tmp_path / name) == upright.shape[:2]


def test_raw_pixels_are_kept_where_the_annotation_was_drawn_on_them(tmp_path):
    raw = save_rotated(tmp_path / "a.jpg", orientation=6)
    np.testing.assert_array_equal(load_image(tmp_path / "a.jpg", upright=False), raw)
    np.testing.assert_array_equal(load_image(tmp_path / "a.jpg"), np.rot90(raw, -1))
    header = inspect_image(tmp_path / "a.jpg")
    assert (header.raw, header.upright, header.turned) == ((HEIGHT, WIDTH), (WIDTH, HEIGHT), True)


def test_another_size_than_the_one_that_is_expected_is_refused(tmp_path):
    save_rotated(tmp_path / "a.jpg", orientation=6)
    with pytest.raises(InputError, match=r"a\.jpg: .*height 30 x width 20; expected height 20 x width 30"):
        load_image(tmp_path / "a.jpg", size=(HEIGHT, WIDTH))


def test_damaged_exif_does_not_hide_sound_pixels(tmp_path):
    Image.fromarray(noise()).save(tmp_path / "a.jpg", exif=b"Exif\x00\x00MM nonsense")
    assert load_image(tmp_path / "a.jpg").shape == (HEIGHT, WIDTH, 3)


@pytest.mark.parametrize(("dtype", "expected"), [(np.uint8, np.uint8), (np.uint16, np.int32), (bool, np.uint8)])
def test_a_mask_comes_back_value_for_value(tmp_path, dtype, expected):
    values = (np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) % 251).astype(dtype)
    Image.fromarray(values).save(tmp_path / "a.png")
    mask = load_mask(tmp_path / "a.png")
    assert mask.dtype == expected
    np.testing.assert_array_equal(mask, values)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
def test_the_content_of_a_file_is_decoded_as_the_file_is(tmp_path, suffix, orientation):
    path = tmp_path / f"a{suffix}"
    save_rotated(path, orientation=orientation)
    decoded = decode_image(path.read_bytes(), name="a", most_pixels=HEIGHT * WIDTH)
    np.testing.assert_array_equal(decoded, load_image(path))


def test_bad_and_large_content_is_refused_by_name(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(noise()).save(path)
    content = path.read_bytes()
    for given, most, message in (
        (b"", 600, "x.png: the file is empty; expected a complete JPEG"),
        (b"text", 600, "x.png: not an image"),
        (content[: len(content) // 2], 600, "x.png: cannot be read"),
        (content, 599, "x.png: size is height 20 x width 30; expected at most 0.000599 megapixels"),
    ):
        with pytest.raises(InputError, match=message):
            decode_image(given, name="x.png", most_pixels=most)


def test_a_palette_mask_gives_indices_not_colours(tmp_path):
    values = np.random.default_rng(0).integers(0, 3, (HEIGHT, WIDTH), dtype=np.uint8)
    image = Image.fromarray(values)
    image.putpalette([200, 10, 10, 10, 200, 10, 10, 10, 200])
    image.save(tmp_path / "a.png")
    np.testing.assert_array_equal(load_mask(tmp_path / "a.png"), values)
    assert read_mask_size(tmp_path / "a.png") == (HEIGHT, WIDTH)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA"])
def test_a_mask_of_several_channels_is_refused_at_the_header(tmp_path, mode):
    Image.fromarray(noise()).convert(mode).save(tmp_path / "a.png")
    for read in (load_mask, read_mask_size):
        with pytest.raises(InputError, match=rf"a\.png: .*'{mode}'.*expected a complete single-channel.*indices"):
            read(tmp_path / "a.png")


def test_images_are_found_by_extension_in_order(tmp_path):
    for name in ("b.JPG", "a.png", "c.webp", "d.tiff", "notes.txt", "._a.png", "e.jpg.bak"):
        (tmp_path / name).touch()
    assert [path.name for path in find_images(tmp_path)] == ["a.png", "b.JPG", "c.webp", "d.tiff"]


def test_one_error_reports_all_bad_headers(tmp_path):
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).touch()
    Image.fromarray(noise()).save(tmp_path / "c.png")
    paths = [tmp_path / name for name in ("a.jpg", "b.jpg", "c.png")]
    with pytest.raises(InputError, match=r"set\.json: 2 of 3 files(.|\n)*a\.jpg(.|\n)*b\.jpg"):
        read_all(read_size, paths, source="set.json")
    assert read_all(read_size, paths[2:], source="set.json") == [(HEIGHT, WIDTH)]


def test_errors_cross_a_process_border(tmp_path):
    with pytest.raises(InputError) as info:
        load_image(tmp_path / "a.jpg")
    copy = pickle.loads(pickle.dumps(info.value))
    assert isinstance(copy, InputError)
    assert str(copy) == str(info.value)
