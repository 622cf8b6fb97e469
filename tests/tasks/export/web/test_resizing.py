"""The page's own resizing against OpenCV's and Pillow's, as the rest of the project uses them."""

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from data.resizing import RESIZES, resize_image
from tasks.export.web.writing import PAGE

SCRIPT = """async ([content, height, width, newHeight, newWidth, rule]) => {
    const { resize } = await import("/resizing.js");
    const data = Uint8ClampedArray.from(atob(content), (letter) => letter.charCodeAt(0));
    const pixels = resize({ data, width, height }, newWidth, newHeight, rule);
    return btoa(pixels.reduce((text, value) => text + String.fromCharCode(value), ""));
}"""
SIZES = [  # (height, width), and the new ones: smaller, by whole numbers or not, larger, or both at once
    ((60, 80), (20, 24)),
    ((60, 80), (20, 20)),
    ((60, 80), (30, 40)),
    ((61, 83), (64, 96)),
    ((60, 80), (64, 31)),
    ((300, 83), (60, 100)),
    ((240, 321), (64, 96)),
    ((64, 96), (64, 96)),
]


def as_the_file_takes_it(image: np.ndarray) -> np.ndarray:
    """Round to whole numbers as `tasks.formats.running` does."""
    return torch.tensor(np.array(image)).float().round().clamp(0, 255).byte().numpy()


@pytest.mark.parametrize("rule", RESIZES)
def test_the_pages_resizing_gives_the_same_pixels(scripts: Any, rule: str) -> None:
    for before, after in SIZES:
        image = np.random.default_rng(0).integers(0, 256, (*before, 3), dtype=np.uint8)
        content = base64.b64encode(np.dstack([image, np.full(before, 255, np.uint8)]).tobytes()).decode()
        found = scripts.evaluate(SCRIPT, [content, *before, *after, rule])
        pixels = np.frombuffer(base64.b64decode(found), np.uint8).reshape(*after, 3)
        expected = as_the_file_takes_it(resize_image(image, after, rule=rule))
        difference = np.abs(pixels.astype(int) - expected)
        assert difference.max() <= 1, (before, after)
        assert (difference > 0).mean() < 1e-3, (before, after)  # none with the versions of constraints.txt


def test_the_pages_scripts_are_those_that_are_written(scripts: Any) -> None:
    assert scripts.evaluate("async () => Object.keys(await import('/resizing.js'))") == ["resize"]
    assert {path.suffix for path in Path(PAGE).iterdir()} == {".js", ".md"}
