"""The parity report for people."""

import re
from dataclasses import replace

import pytest

from tasks.export.parity import compare, compare_stages
from tasks.export.parity_page import draw_charts, write_parity_page, write_table
from tasks.export.verdicts import choose_limit
from tests.support.pages import Page
from tests.tasks.export.faults import FAULTS, TorchSession, right, show


@pytest.fixture(scope="module")
def broken():
    """Return the parity of a segmenter whose logits are enlarged by the wrong rule."""
    session = TorchSession(FAULTS["enlarged without aligned corners"].plant())
    return compare_stages(right("lraspp"), session, show(1))


def test_the_page_names_the_first_stage_that_diverges_and_shows_all(broken, tmp_path):
    page = Page(write_parity_page(broken, tmp_path / "parity.html", title="model.onnx"))
    assert page.sections == ["outcome", "curves", "stages", "reading"]
    assert "enlarged is the first stage that diverges; what follows it is computed from it." in page.words
    assert [row[:2] for row in page.rows[1:]] == [
        [stage.name.replace("_", " "), str(number)] for number, stage in enumerate(broken.stages, start=1)
    ]
    assert page.rows[1][2:4] == ["0", "0"]
    assert page.rows[1][-2:] == ["equal", "up to 1e-05"]
    assert page.text.count('<tr class="changed"><td>enlarged') == 1


def test_the_page_asks_for_nothing_and_runs_no_name(broken, tmp_path):
    page = Page(write_parity_page(broken, tmp_path / "parity.html", title="<script>alert(1)</script>"))
    assert all(address.startswith("#") for address in page.addresses)
    assert not re.search(r"https?:|url\(|@import|srcset", page.text)
    assert page.text.count("<script>") == 1  # the page's own
    assert "<script>alert(1)" in page.words


def test_a_page_of_a_right_export_says_so(tmp_path):
    parity = compare_stages(right("lraspp"), TorchSession(right("lraspp")), show(1))
    page = Page(write_parity_page(parity, tmp_path / "parity.html", title="model.onnx"))
    assert "18 of 18" in page.words
    assert "every stage is as it should be" in page.words
    assert "diverges;" not in page.words


def test_the_table_has_a_line_a_stage_and_the_outcome_last(broken):
    first, *lines, last = write_table(broken).splitlines()
    assert first.startswith("stage ")
    assert [re.split(r"  +", line)[0] for line in lines] == [stage.name.replace("_", " ") for stage in broken.stages]
    assert last == "parity on 1 images: enlarged is the first stage that diverges"


def test_each_chart_shows_the_limits_that_are_of_its_kind(broken):
    mixed = replace(broken, stages=(*broken.stages[:2], *to_int8(broken).stages[2:]))
    largest, decibels = draw_charts(mixed)
    assert [name for name, _ in largest["legend"]] == ["file", "half a grey level", "limit"]
    counts = [[len(line["path"].split()) for line in chart["lines"]] for chart in (largest, decibels)]
    assert counts == [[18, 18, 2], [18, 18, 16]]


def to_int8(parity):
    """Return the same stages, judged as of a file of integers."""
    stages = [compare(s.name, s.own, s.shift, limit=choose_limit(s.name, "int8", size=(64, 96))) for s in parity.stages]
    return replace(parity, stages=tuple(stages), precision="int8")
