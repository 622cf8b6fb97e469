"""A headless browser, and what the tests of pages do with it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright import sync_api

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --use-fake-device-for-media-stream --use-fake-ui-for-media-stream"
)


def find_browser() -> str | None:
    """Return the path of a browser: the environment's BROWSER, or one of the usual names."""
    names = (os.environ.get("BROWSER", ""), *BROWSERS)
    return next((found for name in names if name and (found := shutil.which(name))), None)


@contextmanager
def running_browser() -> Iterator[Any]:
    """Run a browser while the context lasts; without one the test is skipped."""
    path = find_browser()
    if path is None:
        pytest.skip(f"no browser: expected $BROWSER or one of {', '.join(BROWSERS)} in PATH")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS.split())
        yield browser
        browser.close()


@contextmanager
def watched_page(browser: Any, address: str, *, requests: int) -> Iterator[Any]:
    """Open a page; it makes so many requests at least, all of them to its server, and no script fails."""
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    page = context.new_page()
    asked: list[str] = []
    errors: list[str] = []
    context.on("request", lambda request: asked.append(request.url))  # a worker's too
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address)
    page.locator("#about:not(:empty)").wait_for()
    yield page
    context.close()
    assert len(asked) >= requests
    assert not [url for url in asked if not url.startswith((f"{address}/", "blob:", "data:"))]
    assert not errors


def choose(page: Any, *contents: bytes, name: str = "photo.png", kind: str = "image/png") -> None:
    files = [{"name": name, "mimeType": kind, "buffer": content} for content in contents]
    page.set_input_files("#files", files)


def canvas(page: Any) -> np.ndarray:
    return np.array(Image.open(BytesIO(page.locator("#canvas").screenshot())).convert("RGB")).astype(int)


def slide(page: Any, selector: str, value: float) -> None:
    page.locator(selector).fill(str(value))


def see(page: Any, selector: str, text: Any) -> None:
    sync_api.expect(page.locator(selector)).to_have_text(text)
