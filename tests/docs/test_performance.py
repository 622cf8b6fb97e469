"""docs/performance.md shows the start-up as measured."""

import json
from pathlib import Path

from benchmarks.startup import render_table

ROOT = Path(__file__).parents[2]


def test_the_document_shows_the_committed_starts() -> None:
    runs = json.loads((ROOT / "benchmarks/results/startup.json").read_text(encoding="utf-8"))["runs"]
    assert render_table(runs) in (ROOT / "docs/performance.md").read_text(encoding="utf-8")
