from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from tasks.doctor.duplicates import compare_thumbnails, find_matches, hash_differences
from tasks.doctor.images import look_at
from tasks.doctor.leaks import find_pairs
from tests.support.sound_sets import draw_picture


def test_the_hash_says_where_a_picture_becomes_brighter_to_the_right():
    grey = np.tile(np.array([10, 20, 30, 30, 5, 6, 4, 3, 200], np.uint8), (8, 1))
    assert hash_differences(grey).reshape(8, 8).tolist() == [[True, True, False, False, True, False, False, True]] * 8


def test_thumbnails_differ_by_nothing_in_brightness_and_contrast_and_by_root_two_where_unrelated():
    random = np.random.default_rng(0)
    one = random.integers(60, 120, (64, 64)).astype(np.uint8)
    others = np.stack([one, one + 50, one * 2, random.integers(60, 120, (64, 64)).astype(np.uint8)])
    assert compare_thumbnails(one, others) == pytest.approx([0, 0, 0, 2**0.5], abs=0.03)


def test_plain_pictures_of_any_grey_are_the_same():
    plain = np.full((16, 16), 7, np.uint8)
    assert compare_thumbnails(plain, np.stack([plain, plain + 100])).tolist() == [0, 0]


def test_matches_are_those_of_a_loop_over_all_pairs():
    random = np.random.default_rng(0)
    bits = random.random((300, 64)) > 0.5
    others = np.concatenate([bits[:20], random.random((180, 64)) > 0.5])
    flips = random.random(others.shape) < 0.05
    others ^= flips
    pictures = random.integers(0, 256, (300, 4, 4), dtype=np.uint8)
    copies = np.concatenate([pictures[:20], random.integers(0, 256, (180, 4, 4), dtype=np.uint8)])
    found = {(m.first, m.second): m.bits for m in find_matches((bits, others), (pictures, copies))}
    apart = (bits[:, None] != others[None]).sum(-1)
    expected = {(n, n): apart[n, n] for n in range(20) if apart[n, n] <= 8}
    assert len(expected) > 15
    assert found == expected


def change(image, how):
    height, width = image.shape[:2]
    return {
        "compressed": lambda: cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], 1),
        "smaller": lambda: cv2.resize(image, (width // 2, height // 2), interpolation=cv2.INTER_AREA),
        "squeezed": lambda: cv2.resize(image, (width, height // 2), interpolation=cv2.INTER_AREA),
        "darker": lambda: (image * 0.7).astype(np.uint8),
        "grey": lambda: np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2),
    }[how]()


@pytest.mark.parametrize("how", ["compressed", "smaller", "squeezed", "darker", "grey"])
def test_changed_copies_are_found_and_other_pictures_are_not(tmp_path, how):
    sides = {"train": [draw_picture(n) for n in range(20)], "val": [change(draw_picture(n), how) for n in (3, 90, 91)]}
    facts = {}
    for split, images in sides.items():
        for number, image in enumerate(images):
            Image.fromarray(image).save(tmp_path / f"{split}_{number}.png")
        facts[split] = [look_at(tmp_path / f"{split}_{number}.png", decode=True) for number in range(len(images))]
    (pair,) = find_pairs(facts)
    assert [Path(path).name for path in pair.paths] == ["train_3.png", "val_0.png"]
    assert pair.splits == ("train", "val")
    assert not pair.identical


def test_a_turned_copy_is_found_where_exif_turns_it_back(tmp_path):
    image = Image.fromarray(draw_picture(1))
    image.save(tmp_path / "upright.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    image.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.jpg", quality=95, exif=exif)
    facts = {name: [look_at(tmp_path / name, decode=True)] for name in ("upright.png", "turned.jpg")}
    assert len(find_pairs(facts)) == 1
