"""The demo's page in a real browser: Chromium or Chrome, headless; skipped where there is none."""

import base64
import json
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from tasks.predictor import Predictor
from tasks.serving.app import build_app
from tasks.serving.inference import Inference
from tests.tasks.served import BROWSERS, CLASSES, THRESHOLDS, draw_image, encode, find_browser, save_model, serving

sync_api = pytest.importorskip("playwright.sync_api")

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --use-fake-device-for-media-stream --use-fake-ui-for-media-stream"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    path = find_browser()
    if path is None:
        pytest.skip(f"no browser: expected $BROWSER or one of {', '.join(BROWSERS)} in PATH")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS.split())
        yield browser
        browser.close()


@pytest.fixture(scope="module", params=["ssdlite", "lraspp"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, randomize: Any) -> Iterator[Any]:
    """Serve a tiny model of each task, with two sample images: its predictor and its address."""
    root = tmp_path_factory.mktemp("data")
    (root / "val").mkdir()
    for number in (1, 2):
        (root / f"val/{number}.png").write_bytes(encode(draw_image(number)))
    changes = {"dataset": {"name": "coco", "root": str(root), "val": "val"}}
    changes |= {"thresholds": THRESHOLDS} if request.param == "ssdlite" else {}
    predictor = Predictor(save_model(request.param, root / "m.safetensors", randomize, **changes), accelerator="cpu")
    with serving(build_app(Inference(predictor), checkpoint="m.safetensors", host="127.0.0.1")) as address:
        yield predictor, address


@pytest.fixture
def page(browser: Any, site: Any) -> Iterator[Any]:
    """Open the page; every request that it makes must go to its server, and no script may fail."""
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    page = context.new_page()
    requests: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(site[1])
    page.locator("#about:not(:empty)").wait_for()
    yield page
    context.close()
    assert len(requests) > 8
    assert not [url for url in requests if not url.startswith((f"{site[1]}/", "blob:", "data:"))]
    assert not errors


detector = pytest.mark.parametrize("site", ["ssdlite"], indirect=True)
segmenter = pytest.mark.parametrize("site", ["lraspp"], indirect=True)


def choose(page: Any, *contents: bytes, name: str = "photo.png", kind: str = "image/png") -> None:
    files = [{"name": name, "mimeType": kind, "buffer": content} for content in contents]
    page.set_input_files("#files", files)


def canvas(page: Any) -> np.ndarray:
    return np.array(Image.open(BytesIO(page.locator("#canvas").screenshot())).convert("RGB")).astype(int)


def slide(page: Any, selector: str, value: float) -> None:
    page.locator(selector).fill(str(value))


def expected_boxes(site: Any, thresholds: tuple[float, ...]) -> list[int]:
    """Return how many boxes of each class a picture has, by the API."""
    (prediction,) = site[0](draw_image())
    kept = prediction.keep(threshold=thresholds)
    return np.bincount(kept.labels, minlength=len(CLASSES)).tolist()


def summary(counts: list[int]) -> str:
    found = sorted(((count, -index) for index, count in enumerate(counts) if count), reverse=True)
    return f"{sum(counts)} objects: " + ", ".join(f"{CLASSES.names[-index]} {count}" for count, index in found)


def see(page: Any, selector: str, text: Any) -> None:
    sync_api.expect(page.locator(selector)).to_have_text(text)


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
def test_a_dropped_image_is_predicted_and_a_dropped_text_is_not(page: Any, site: Any) -> None:
    drop = """([content, kind]) => {
        const data = new DataTransfer();
        const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
        if (kind) data.items.add(new File([bytes], "dropped.png", { type: kind }));
        else data.setData("text/plain", "words");
        const view = document.getElementById("view");
        for (const name of ["dragenter", "dragover", "drop"])
          view.dispatchEvent(new DragEvent(name, { bubbles: true, cancelable: true, dataTransfer: data }));
    }"""
    page.evaluate(drop, [base64.b64encode(encode(draw_image(2))).decode(), "image/png"])
    see(page, "#summary", re.compile(r"\d+ objects"))
    see(page, "#name", "dropped.png")
    page.evaluate(drop, ["", ""])
    see(page, "#message", re.compile("no file in this"))


@detector
def test_a_file_that_is_too_large_is_not_sent(page: Any) -> None:
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    page.evaluate("""() => {
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(2 ** 25 + 1)], "big.jpg", { type: "image/jpeg" }));
        document.dispatchEvent(new DragEvent("drop", { cancelable: true, dataTransfer: data }));
    }""")
    see(page, "#message", "big.jpg: the file is too large (33 MB); expected at most 32 MB")
    assert not sent


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


def test_the_cameras_frames_come_one_at_a_time(page: Any) -> None:
    waiting, most = 0, 0

    def count(change: int) -> Any:
        def handle(request: Any) -> None:
            nonlocal waiting, most
            if "predict" in request.url:
                waiting += change
                most = max(most, waiting)

        return handle

    page.on("request", count(1))
    page.on("requestfinished", count(-1))
    page.click("#camera")
    see(page, "#facts", re.compile(r"\d+ . \d+ px · \d+ ms for inference · [1-9]\d*\.\d frames/s"))
    first = canvas(page)
    page.wait_for_timeout(300)
    assert not np.array_equal(first, canvas(page))  # the fake camera moves
    assert most == 1
    page.get_by_label("Mirrored").uncheck()
    page.click("text=Stop camera")
    page.wait_for_timeout(200)
    before = canvas(page)
    page.wait_for_timeout(300)
    assert np.array_equal(before, canvas(page))


def test_a_camera_that_the_browser_withholds_is_said(browser: Any, site: Any) -> None:
    page = browser.new_page()
    page.add_init_script(
        "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotFoundError'); }"
    )
    page.goto(site[1])
    page.click("#camera")
    see(page, "#message", "No camera found.")
    page.close()


def test_several_images_are_walked_through(page: Any) -> None:
    choose(page, encode(draw_image(1)), encode(draw_image(2)[:, :100]), encode(draw_image(3)[:, :90]))
    for press, place, size in (
        (None, "1 of 3", "144 . 96"),
        ("ArrowRight", "2 of 3", "100 . 96"),
        ("ArrowRight", "3 of 3", "90 . 96"),
        ("ArrowRight", "1 of 3", "144 . 96"),
        ("ArrowLeft", "3 of 3", "90 . 96"),
    ):
        if press:
            page.keyboard.press(press)
        see(page, "#place", place)
        see(page, "#facts", re.compile(rf"{size} px · \d+ ms"))


def test_a_sample_of_the_data_set_is_one_click_away(page: Any) -> None:
    sync_api.expect(page.locator("#thumbnails img")).to_have_count(2)
    page.get_by_role("button", name="2.png").click()
    see(page, "#facts", re.compile("144 . 96 px · "))
    see(page, "#name", "2.png")
    see(page, "#place", "2 of 2")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no picture", "bad.jpg: not an image, or its header is damaged"),
        (b"", "bad.jpg: the file is empty"),
        (encode(draw_image(), "JPEG")[:3000], "bad.jpg: cannot be read .image file is truncated"),
    ],
)
def test_a_bad_image_is_said_and_the_next_one_is_shown(page: Any, content: bytes, message: str) -> None:
    choose(page, encode(draw_image()))
    see(page, "#facts", re.compile("144 . 96 px · "))
    choose(page, content, name="bad.jpg", kind="image/jpeg")
    see(page, "#message", re.compile(message))
    see(page, "#summary", "")  # nothing is said of the picture before
    sync_api.expect(page.locator("#save-json")).to_be_disabled()
    choose(page, encode(draw_image()))
    see(page, "#facts", re.compile("144 . 96 px · "))
    sync_api.expect(page.locator("#message")).to_be_hidden()


def test_kinds_that_browsers_do_not_show_are_shown_all_the_same(page: Any) -> None:
    choose(page, encode(draw_image(), "TIFF"), name="scan.tif", kind="image/tiff")
    see(page, "#facts", re.compile("144 . 96 px · "))
    page.click("#none")
    scale = canvas(page).shape[0] / 96
    shown = np.array(Image.fromarray(canvas(page).astype(np.uint8)).resize((144, 96), Image.Resampling.BOX))
    assert scale > 2
    assert np.abs(shown.astype(int) - draw_image()).mean() < 12


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


@detector
def test_a_server_that_is_gone_is_said(browser: Any, site: Any) -> None:
    page = browser.new_page()
    with serving(build_app(Inference(site[0]), checkpoint="m.safetensors", host="127.0.0.1")) as address:
        page.goto(address)
        page.locator("#about:not(:empty)").wait_for()
    choose(page, encode(draw_image()))
    see(page, "#message", re.compile("The server does not answer: is python -m tasks.demo still running"))
    page.close()
