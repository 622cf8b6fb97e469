import base64
import re
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright import sync_api

from tasks.demo.app import build_app
from tasks.demo.inference import Inference
from tests.support.browser import canvas, choose, see
from tests.support.pictured_models import draw_image, encode
from tests.tasks.demo.pages import detector
from tests.tasks.demo.served import serving

pytestmark = pytest.mark.slow  # a browser for each


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
    see(page, "#message", re.compile("not a file"))


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
def test_a_server_that_is_gone_is_said(browser: Any, site: Any) -> None:
    page = browser.new_page()
    with serving(build_app(Inference(site[0]), checkpoint="m.safetensors", host="127.0.0.1")) as address:
        page.goto(address)
        page.locator("#about:not(:empty)").wait_for()
    choose(page, encode(draw_image()))
    see(page, "#message", re.compile("The server does not answer: is python -m tasks.demo still running"))
    page.close()
