"""What the tests of the demo's page do with it."""

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright import sync_api

detector = pytest.mark.parametrize("site", ["ssdlite"], indirect=True)
segmenter = pytest.mark.parametrize("site", ["lraspp"], indirect=True)


def choose(page: Any, *contents: bytes, name: str = "photo.png", kind: str = "image/png") -> None:
    files = [{"name": name, "mimeType": kind, "buffer": content} for content in contents]
    page.set_input_files("#files", files)


def canvas(page: Any) -> np.ndarray:
    return np.array(Image.open(BytesIO(page.locator("#canvas").screenshot())).convert("RGB")).astype(int)


def slide(page: Any, selector: str, value: float) -> None:
    page.locator(selector).fill(str(value))


def see(page: Any, selector: str, text: Any) -> None:
    sync_api.expect(page.locator(selector)).to_have_text(text)
