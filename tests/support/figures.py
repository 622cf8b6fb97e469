"""Figures in tests: blank where nobody looks at them, as to draw them takes half of a small run."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from PIL import Image

DRAW = Figure.savefig


def save_blank(figure: Figure, path: Path) -> None:
    """Write a picture of one pixel in a figure's place."""
    Image.new("RGB", (1, 1)).save(path)


@contextmanager
def drawn_figures() -> Iterator[None]:
    """Draw figures inside a test of blank ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", DRAW)
        yield
