import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tasks.report.page import write_page
from tests.support.folders import describe_data, save_picture, write_run

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
CLASSES = {"b": {"AP": 0.5}, "a": {"AP": None}, "c": {"AP": 0.75}}


@pytest.fixture
def page(tmp_path) -> Iterator[Any]:
    """Open a report in a browser of 400 pixels; anything that it asks for or complains of fails the test."""
    api = pytest.importorskip("playwright.sync_api")
    if BROWSER is None:
        pytest.skip("no Chromium")
    run = write_run(tmp_path / "run", analysis={"per_class": CLASSES}, data=describe_data())
    save_picture(run / "samples/1.jpg", size=(800, 400))
    path, troubles = write_page(run), []
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=OPTIONS)
        page = browser.new_page(viewport={"width": 400, "height": 800})
        page.on("request", lambda request: request.url.startswith(("file:", "data:")) or troubles.append(request.url))
        page.on("console", lambda message: troubles.append(message.text))
        page.goto(path.as_uri())
        yield page
        browser.close()
    assert troubles == []


def names(page: Any) -> list[str]:
    return page.locator("#classes tbody td:first-child").all_inner_texts()


def test_a_click_sorts_and_another_one_turns_around(page):
    assert names(page) == ["b", "a", "c"]
    heads = page.locator("#classes thead button")
    heads.nth(1).click()
    assert names(page) == ["c", "b", "a"]
    heads.nth(1).click()
    assert names(page) == ["b", "c", "a"]  # what has no value stays last
    heads.nth(0).click()
    assert names(page) == ["a", "b", "c"]


def test_nothing_is_wider_than_a_telephone(page):
    assert page.evaluate("document.documentElement.scrollWidth") == 400
    assert page.locator("img").evaluate("image => image.complete && image.naturalWidth") == 800
