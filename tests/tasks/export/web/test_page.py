"""The exported page in a browser: what it shows is what onnxruntime gives in Python for the same file and image."""

import base64
import json
import re
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from tasks.formats.contract import open_exported
from tasks.predict.predictor import Predictor
from tests.support.browser import canvas, choose, see, slide
from tests.support.pictured_models import CLASSES, THRESHOLDS, draw_image, encode
from tests.tasks.export.web.conftest import SIZE

pytestmark = pytest.mark.slow  # a model is exported and a browser started for each

detectors = pytest.mark.parametrize(
    "site", [("ssdlite", rule) for rule in ("area", "bilinear", "antialias")], indirect=True
)
detector = pytest.mark.parametrize("site", [("ssdlite", "area")], indirect=True)
classifier = pytest.mark.parametrize("site", [("classify", "area")], indirect=True)
segmenter = pytest.mark.parametrize("site", [("lraspp", "area")], indirect=True)


def save_json(page: Any) -> dict[str, Any]:
    """Return what the page saves of what it shows."""
    with page.expect_download() as download:
        page.click("#save-json")
    saved: dict[str, Any] = json.loads(Path(download.value.path()).read_text())
    return saved


def read_mask(saved: dict[str, Any]) -> np.ndarray:
    return np.array(Image.open(BytesIO(base64.b64decode(saved["mask"].split(",")[1]))))


@detectors
def test_the_boxes_are_onnxruntimes_whatever_the_resize_rule(page: Any, site: SimpleNamespace) -> None:
    choose(page, encode(draw_image()))
    see(page, "#summary", re.compile(r"\d+ objects"))
    slide(page, "#dial", 0.05)
    saved = save_json(page)
    (expected,) = Predictor(site.model, threshold=0.05, accelerator="cpu")(draw_image())
    assert len(expected.boxes) > 20
    assert (saved["width"], saved["height"]) == (144, 96)
    assert [found["class"] for found in saved["detections"]] == [CLASSES.names[label] for label in expected.labels]
    boxes, scores = ([found[name] for found in saved["detections"]] for name in ("box", "score"))
    np.testing.assert_allclose(boxes, expected.boxes, atol=2e-3)  # of 144 pixels
    np.testing.assert_allclose(scores, expected.scores, atol=2e-5)


@classifier
def test_the_scores_are_onnxruntimes(page: Any, site: SimpleNamespace) -> None:
    choose(page, encode(draw_image()))
    (expected,) = Predictor(site.model, accelerator="cpu")(draw_image())
    see(page, "#summary", re.compile(rf"{expected.names[0]} \d\.\d\d"))
    saved = save_json(page)
    assert saved["classes"] == expected.names
    np.testing.assert_allclose([saved["scores"][name] for name in CLASSES.names], expected.scores, atol=2e-5)


@detector
def test_thresholds_and_classes_change_what_is_shown(page: Any, site: SimpleNamespace) -> None:
    choose(page, encode(draw_image()))
    (found,) = Predictor(site.model, accelerator="cpu")(draw_image())
    counts = np.bincount(found.labels, minlength=3)  # at the checkpoint's own thresholds
    see(page, "#summary", re.compile(f"^{counts.sum()} objects"))
    see(page, "#facts", re.compile(r"144 . 96 px · \d+ ms for inference"))
    assert page.locator("#classes .count").all_inner_texts() == [str(count) for count in counts]
    with_boxes = canvas(page)
    page.get_by_label("dog", exact=True).uncheck()
    see(page, "#summary", re.compile(f"^{counts.sum() - counts[1]} objects"))
    page.click("#none")
    see(page, "#summary", "Nothing found at this threshold")
    assert (np.abs(with_boxes - canvas(page)).sum(axis=2) > 60).mean() > 0.01
    assert page.get_by_label("Threshold of dog").input_value() == str(THRESHOLDS[1])


@segmenter
def test_the_label_map_of_an_image_of_the_models_size_is_onnxruntimes(page: Any, site: SimpleNamespace) -> None:
    image = cv2.resize(draw_image(), SIZE[::-1], interpolation=cv2.INTER_AREA)
    choose(page, encode(image))
    see(page, "#summary", re.compile("dog"))
    expected = open_exported(site.model)[1](image[None])["labels"][0]
    assert len(np.unique(expected)) == 3
    np.testing.assert_array_equal(read_mask(save_json(page)), expected)


@segmenter
def test_the_label_map_of_a_larger_image_is_that_of_the_predictor(page: Any, site: SimpleNamespace) -> None:
    choose(page, encode(draw_image()))
    see(page, "#summary", re.compile("dog"))
    saved = save_json(page)
    (expected,) = Predictor(site.model, accelerator="cpu")(draw_image())
    assert (read_mask(saved) == expected.mask).mean() > 0.998  # votes that are equal but for rounding
    assert saved["pixels"] == {name: int((read_mask(saved) == at).sum()) for at, name in enumerate(CLASSES.names)}


@segmenter
def test_several_images_are_walked_through_and_a_bad_one_is_said(page: Any) -> None:
    choose(page, encode(draw_image(1)), encode(draw_image(2)[:, :100]))
    see(page, "#facts", re.compile(r"144 . 96 px · \d+ ms"))
    page.keyboard.press("ArrowRight")
    see(page, "#place", "2 of 2")
    see(page, "#facts", re.compile(r"100 . 96 px · \d+ ms"))
    choose(page, b"no picture", name="bad.jpg", kind="image/jpeg")
    see(page, "#message", re.compile("bad.jpg: not an image that this browser can read"))
    see(page, "#summary", "")
    page.evaluate("""() => {
        const data = new DataTransfer();
        data.items.add(new File(["words"], "words.txt"));
        document.dispatchEvent(new DragEvent("drop", { cancelable: true, dataTransfer: data }));
    }""")
    see(page, "#message", re.compile("words.txt: not an image"))
    choose(page, encode(draw_image(1)))
    see(page, "#facts", re.compile(r"144 . 96 px · \d+ ms"))


@segmenter
def test_the_cameras_frames_are_segmented(page: Any) -> None:
    page.click("#camera")
    see(page, "#facts", re.compile(r"\d+ . \d+ px · \d+ ms for inference · [1-9]\d*\.\d frames/s"))
    first = canvas(page)
    page.wait_for_timeout(500)
    assert not np.array_equal(first, canvas(page))  # the fake camera moves
    page.click("text=Stop camera")


@detector
def test_neither_the_page_nor_its_worker_can_reach_another_server(page: Any, serve: Any, tmp_path: Path) -> None:
    other = serve(tmp_path)
    script = f"() => fetch('{other}/', {{ mode: 'no-cors' }}).then(() => 'fetched', () => 'refused')"
    assert page.evaluate(script) == "refused"
    (worker,) = page.workers
    assert worker.evaluate(script) == "refused"


@detector
def test_a_browser_that_changes_pixels_is_told_to_let_them_be(browser: Any, site: SimpleNamespace) -> None:
    page = browser.new_page()
    page.add_init_script("""
        const read = CanvasRenderingContext2D.prototype.getImageData;
        CanvasRenderingContext2D.prototype.getImageData = function (...place) {
          const image = read.apply(this, place);
          image.data[5] ^= 1;
          return image;
        };
    """)
    page.goto(site.address)
    page.locator("#about:not(:empty)").wait_for()
    choose(page, encode(draw_image()))
    see(page, "#message", re.compile("This browser changes the pixels that pages read"))
    page.close()


@detector
@pytest.mark.parametrize(
    ("name", "message"),
    [("model.json", r"model.json cannot be fetched \(404\)"), ("model.onnx", "model.onnx cannot be fetched")],
)
def test_a_file_that_is_missing_on_the_server_is_said(
    browser: Any, site: SimpleNamespace, name: str, message: str
) -> None:
    page = browser.new_page()
    page.route(f"**/{name}", lambda route: route.fulfill(status=404))
    page.goto(site.address)
    see(page, "#message", re.compile(message))
    page.close()


@detector
def test_a_model_that_is_damaged_is_said(browser: Any, site: SimpleNamespace) -> None:
    page = browser.new_page()
    page.route("**/model.onnx", lambda route: route.fulfill(body=site.model.read_bytes()[:5000]))
    page.goto(site.address)
    see(page, "#message", re.compile("The model failed: "))
    page.close()


@detector
def test_a_page_that_is_opened_as_a_file_asks_for_a_server(browser: Any, site: SimpleNamespace) -> None:
    page = browser.new_page()
    page.goto((site.folder / "index.html").as_uri())
    page.get_by_text("python -m http.server").wait_for(timeout=10_000)
    page.close()
