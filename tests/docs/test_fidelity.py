"""docs/fidelity.md says what the command prints, and the committed results are what the code counts now."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.benchmark.paper import TABLES
from tasks.benchmark.paper_tables import render_table

ROOT = Path(__file__).parents[2]


def load(number: int) -> dict:
    return json.loads((ROOT / "benchmarks/results" / f"table{number}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("number", TABLES)
def test_the_document_shows_the_committed_tables(number: int) -> None:
    text = render_table(load(number)).strip()
    assert text.count("\n|") > 4
    assert text in (ROOT / "docs/fidelity.md").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("number", TABLES)
def test_the_committed_tables_are_counted_again(number: int, paper_table: Callable[[int], dict]) -> None:
    counted, committed = paper_table(number), load(number)
    assert {key for key, value in counted.items() if committed[key] != value} <= {"versions"}
