"""Figures in tests: looked at, or left blank where nobody does, as to draw them takes half of a small run."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

DRAW = Figure.savefig


def save_blank(figure: Figure, file: BinaryIO, *, format: str) -> None:
    """Write a picture of one pixel in a figure's place."""
    Image.new("RGB", (1, 1)).save(file, format)


@contextmanager
def drawn_figures() -> Iterator[None]:
    """Draw figures inside a test of blank ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", DRAW)
        yield


def drawn(path: Path) -> tuple[int, int]:
    """Return the width and height of a picture that is not blank."""
    with Image.open(path) as image:
        assert np.array(image.convert("L")).std() > 5
        return image.size
