"""docs/prediction.md shows the benchmark of tiles as committed."""

import json
from pathlib import Path

from benchmarks.tiling import render_table

ROOT = Path(__file__).parents[2]


def test_the_document_shows_the_committed_counts() -> None:
    results = json.loads((ROOT / "benchmarks/results/tiling.json").read_text(encoding="utf-8"))
    assert render_table(results) in (ROOT / "docs/prediction.md").read_text(encoding="utf-8")
