"""Which letters can be shown, and in which font; the others are escaped, as an empty square says nothing."""

import logging
from functools import cache
from pathlib import Path

import matplotlib
from matplotlib.ft2font import FT2Font

from data.escapes import escape, is_invisible

logger = logging.getLogger(__name__)

DEJAVU = str(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"))
STYLES = ("black", "bold", "condensed", "heavy", "italic", "light", "medium", "oblique", "thin")
PLACEHOLDERS = ("adobeblank", "lastresort")  # fonts with a square, or nothing, for every letter
LONGEST = 40  # characters of a name that stands beside others


def brief(name: str) -> str:
    """Return a name as it is shown beside others: spelled, and cut in the middle where it is very long."""
    shown = spell(name)
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST // 2]}…{shown[1 - LONGEST // 2 :]}"


def spell(text: str) -> str:
    r"""Return a text with the letters that are invisible, or that no font of this machine has, escaped: \n, \u884c."""
    return "".join(letter if _can_be_shown(letter) else escape(letter) for letter in text)


@cache
def find_font(letter: str) -> str | None:
    """Return the path of a font that has a letter: DejaVu Sans, or else one of this machine's; None without any."""
    return next((path for path in (DEJAVU, *_list_fonts()) if has_letter(path, letter)), None)


def has_letter(path: str, letter: str) -> bool:
    """Tell whether a font has a letter."""
    return ord(letter) in _read_letters(path)


@cache
def _can_be_shown(letter: str) -> bool:
    if is_invisible(letter):
        return False
    if find_font(letter) is None:
        _advise()
        return False
    return True


@cache
def _advise() -> None:
    """Say once what would show the letters that are escaped."""
    logger.warning(
        "names contain letters that no font on this machine has: drawings show them as codes, such as \\u884c; "
        "install a font that has them, such as Noto Sans CJK for Chinese, Japanese and Korean"
    )


@cache
def _list_fonts() -> tuple[str, ...]:
    """List the upright fonts of usual weight on this machine, sans-serif ones first."""
    from matplotlib.font_manager import findSystemFonts  # late: its import may look through all fonts

    names = {path: Path(path).stem.lower() for path in findSystemFonts()}
    plain = [path for path, name in names.items() if not any(word in name for word in (*STYLES, *PLACEHOLDERS))]
    return tuple(sorted(plain, key=lambda path: ("sans" not in names[path], path)))


@cache
def _read_letters(path: str) -> frozenset[int]:
    """Return the code points that a font has; none where it cannot be drawn at any size."""
    try:
        font = FT2Font(path)
    except (OSError, RuntimeError):
        return frozenset()
    return frozenset(font.get_charmap()) if font.scalable else frozenset()
