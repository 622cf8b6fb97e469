import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.support.browser import canvas, choose, see, slide
from tests.support.pictured_models import CLASSES, THRESHOLDS, draw_image, encode
from tests.tasks.demo.pages import detector


def expected_boxes(site: Any, thresholds: tuple[float, ...]) -> list[int]:
    """Return how many boxes of each class a picture has, by the API."""
    (prediction,) = site[0](draw_image())
    kept = prediction.keep(threshold=thresholds)
    return np.bincount(kept.labels, minlength=len(CLASSES)).tolist()


def summary(counts: list[int]) -> str:
    found = sorted(((count, -index) for index, count in enumerate(counts) if count), reverse=True)
    return f"{sum(counts)} objects: " + ", ".join(f"{CLASSES.names[-index]} {count}" for count, index in found)


@detector
def test_a_chosen_image_shows_its_boxes_at_the_checkpoints_thresholds(page: Any, site: Any) -> None:
    choose(page, encode(draw_image()))
    counts = expected_boxes(site, THRESHOLDS)
    assert min(counts) >= 1
    see(page, "#summary", summary(counts))
    assert page.locator("#classes .count").all_inner_texts() == [str(count) for count in counts]
    see(page, "#dial-value", "by class")
    with_boxes = canvas(page)
    page.click("#none")
    see(page, "#summary", "Nothing found at this threshold")
    assert (np.abs(with_boxes - canvas(page)).sum(axis=2) > 60).mean() > 0.01


@detector
def test_the_sliders_change_the_boxes_without_asking_the_server(page: Any, site: Any) -> None:
    choose(page, encode(draw_image()))
    see(page, "#summary", summary(expected_boxes(site, THRESHOLDS)))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    slide(page, "#dial", 0.65)
    see(page, "#summary", summary(expected_boxes(site, (0.65, 0.65, 0.65))))
    see(page, "#dial-value", "0.65")
    page.get_by_label("Threshold of dog").fill("0.8")
    see(page, "#summary", summary(expected_boxes(site, (0.65, 0.8, 0.65))))
    page.click("#reset")
    see(page, "#summary", summary(expected_boxes(site, THRESHOLDS)))
    assert not asked


@detector
def test_a_class_that_is_unticked_disappears(page: Any, site: Any) -> None:
    choose(page, encode(draw_image()))
    counts = expected_boxes(site, THRESHOLDS)
    see(page, "#summary", summary(counts))
    before = canvas(page)
    page.get_by_label("dog", exact=True).uncheck()
    see(page, "#summary", summary([counts[0], 0, counts[2]]))
    assert np.abs(before - canvas(page)).max() > 60


@detector
def test_what_is_shown_is_saved(page: Any, site: Any) -> None:
    choose(page, encode(draw_image()))
    see(page, "#summary", re.compile("objects"))
    with page.expect_download() as download:
        page.click("#save-json")
    assert download.value.suggested_filename == "photo_found.json"
    saved = json.loads(Path(download.value.path()).read_text())
    (prediction,) = site[0](draw_image())
    kept = prediction.keep(threshold=THRESHOLDS)
    assert (saved["image"], saved["width"], saved["height"]) == ("photo.png", 144, 96)
    assert saved["thresholds"] == dict(zip(CLASSES.names, THRESHOLDS, strict=True))
    assert [found["box"] for found in saved["detections"]] == kept.boxes.tolist()
    assert [found["class"] for found in saved["detections"]] == [CLASSES.names[label] for label in kept.labels]
    with page.expect_download() as download:
        page.click("#save-picture")
    picture = Image.open(download.value.path())
    assert (picture.format, picture.width % 144, picture.height % 96) == ("PNG", 0, 0)
