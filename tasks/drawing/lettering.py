"""Texts in pictures, each letter in a font that has it."""

from functools import lru_cache
from typing import NamedTuple

from PIL import ImageDraw, ImageFont, features

from data.classes import Color
from tasks.drawing.fonts import DEJAVU, find_font, has_letter, spell

LINE = "ltr" if features.check("raqm") else None  # Arabic words run to the left, but runs and scores to the right


class Run(NamedTuple):
    """Letters in one font."""

    font: str  # its path
    text: str


def measure(text: str, size: int) -> float:
    """Return the width of a text in pixels, in letters of `size` pixels."""
    return sum(_load_font(run.font, size).getlength(run.text) for run in split_by_font(text))


def write(draw: ImageDraw.ImageDraw, text: str, *, left: float, middle: float, size: int, color: Color) -> None:
    """Write a text in letters of `size` pixels, from `left` on, at half height on `middle`."""
    for run in split_by_font(text):
        font = _load_font(run.font, size)
        draw.text((left, middle), run.text, fill=color, font=font, anchor="lm", direction=LINE)
        left += font.getlength(run.text)


@lru_cache(4096)
def split_by_font(text: str) -> tuple[Run, ...]:
    """Spell a text and split it where the font changes; seldom, as letters are shaped by their neighbours."""
    runs: list[Run] = []
    for letter in spell(text):
        if runs and has_letter(runs[-1].font, letter):
            runs[-1] = Run(runs[-1].font, runs[-1].text + letter)
        else:
            runs.append(Run(find_font(letter) or DEJAVU, letter))
    return tuple(runs)


@lru_cache
def _load_font(path: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size)
