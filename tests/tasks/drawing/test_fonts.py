import os
import subprocess
import sys
from pathlib import Path

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

from tasks.drawing.fonts import brief, find_font, spell

NOBODYS = "\U000e0fff"  # no font has it


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("traffic light, dög, Ärger", "traffic light, dög, Ärger"),
        ("_background_ $x$ a\\b %s {0}", "_background_ $x$ a\\b %s {0}"),
        ("two\nlines\tand \x1b[31mred", "two\\nlines\\tand \\x1b[31mred"),
        ("سيارة, שלום, می\u200cروم", "سيارة, שלום, می\u200cروم"),  # the joiner between shapes its letters
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("car\u200b", "car\\u200b"),
        ("caf\udce9.jpg", "caf\\xe9.jpg"),
        ("half \ud83d", "half \\ud83d"),
        (NOBODYS, "\\U000e0fff"),
    ],
)
def test_letters_without_a_shape_are_escaped_and_others_are_as_they_are_written(text, shown):
    assert spell(text) == shown


def test_a_very_long_name_keeps_both_ends():
    assert brief("x" * 40) == "x" * 40
    assert brief("a" * 5000 + "b" * 5000) == "a" * 20 + "…" + "b" * 19
    assert brief("a\n" * 30) == "a\\n" * 6 + "a\\" + "…" + "n" + "a\\n" * 6


def test_letters_that_no_font_has_are_told_of_once(caplog):
    spell("\U000e0ffe")
    spell("\U000e0ffd")
    assert len(caplog.records) <= 1  # none where an earlier test met such letters
    assert find_font("\U000e0ffd") is None


DRAW = """
from pathlib import Path
import numpy as np
from PIL import Image
from tasks.drawing.figures import literal, new_figure, save_figure
from tasks.drawing.fonts import spell
from tasks.drawing.images import add_title

figure = new_figure(2, 2)
figure.text(0.1, 0.5, literal("行"), fontsize=60)
save_figure(figure, Path("figure.png"))
title = add_title(np.full((900, 900, 3), 255, np.uint8), "行")
for picture in (Image.open("figure.png").convert("RGB"), title):
    print((np.array(picture) < 128).all(axis=2).sum())
print(spell("行 人"))
"""


def test_a_font_of_this_machine_is_taken_for_letters_that_dejavu_sans_lacks(tmp_path):
    write_font(tmp_path / "fonts/TestSans.ttf", "行")
    write_font(tmp_path / "fonts/AdobeBlank.ttf", "人")  # one that has a blank for whatever is asked
    environment = {**os.environ, "XDG_DATA_HOME": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, "-c", DRAW]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
    in_figure, in_title, spelled = done.stdout.splitlines()
    assert int(in_figure) == pytest.approx((0.8 * 60 / 72 * 150) ** 2, rel=0.05)  # 60 points at 150 dots an inch
    assert int(in_title) == pytest.approx((0.8 * 25) ** 2, rel=0.1)
    assert spelled == "行 \\u4eba"


def write_font(path: Path, letter: str) -> None:
    """Write a font in which one letter is a black square."""
    pen = TTGlyphPen(None)
    pen.moveTo((100, 0))
    for corner in ((100, 800), (900, 800), (900, 0)):
        pen.lineTo(corner)
    pen.closePath()
    font = FontBuilder(1000)
    font.setupGlyphOrder([".notdef", "square"])
    font.setupCharacterMap({ord(letter): "square"})
    font.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "square": pen.glyph()})
    font.setupHorizontalMetrics({".notdef": (1000, 0), "square": (1000, 100)})
    font.setupHorizontalHeader(ascent=900, descent=-200)
    font.setupNameTable({"familyName": "Test Sans", "styleName": "Regular"})
    font.setupOS2()
    font.setupPost()
    path.parent.mkdir(exist_ok=True)
    font.save(path)
