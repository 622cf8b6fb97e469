import base64
import json
import re
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.support.browser import canvas, choose, see, slide
from tests.support.pictured_models import CLASSES, draw_image, encode
from tests.tasks.demo.pages import segmenter


@pytest.mark.slow
@segmenter
def test_a_mask_is_drawn_in_the_colours_of_the_classes(page: Any, site: Any) -> None:
    choose(page, encode(draw_image()))
    see(page, "#summary", re.compile("dog 84 %, cat 14 %, owl 1 %"))
    (prediction,) = site[0](draw_image())
    slide(page, "#dial", 1)
    drawn, colors = canvas(page), np.array(CLASSES.colors)
    scale = drawn.shape[0] / 96
    for label in range(3):
        inside = cv2.erode((prediction.mask == label).astype(np.uint8), np.ones((5, 5)), borderValue=0)
        for y, x in np.argwhere(inside)[::50]:
            pixel = drawn[int((y + 0.5) * scale), int((x + 0.5) * scale)]
            assert np.abs(pixel - colors[label]).max() <= 3
    slide(page, "#dial", 0)
    plain = canvas(page)
    assert np.abs(plain - drawn).mean() > 20
    slide(page, "#dial", 1)
    page.click("#none")
    assert np.array_equal(canvas(page), plain)


@segmenter
def test_the_class_under_the_pointer_is_named(page: Any, site: Any) -> None:
    choose(page, encode(draw_image()))
    see(page, "#summary", re.compile("dog"))
    (prediction,) = site[0](draw_image())
    box = page.locator("#canvas").bounding_box()
    for y, x in ((10, 20), (50, 70), (90, 140)):
        page.mouse.move(box["x"] + (x + 0.5) * box["width"] / 144, box["y"] + (y + 0.5) * box["height"] / 96)
        see(page, "#tip", CLASSES.names[prediction.mask[y, x]])


@segmenter
def test_the_mask_is_saved_with_its_shares(page: Any, site: Any) -> None:
    choose(page, encode(draw_image()))
    see(page, "#summary", re.compile("dog"))
    with page.expect_download() as download:
        page.click("#save-json")
    saved = json.loads(Path(download.value.path()).read_text())
    (prediction,) = site[0](draw_image())
    mask = np.array(Image.open(BytesIO(base64.b64decode(saved["mask"].split(",")[1]))))
    np.testing.assert_array_equal(mask, prediction.mask)
    assert saved["pixels"] == {name: int((mask == label).sum()) for label, name in enumerate(CLASSES.names)}
