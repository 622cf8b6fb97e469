"""docs/reliability.md shows the provoked faults as committed."""

import json

from benchmarks.faults.__main__ import render_table
from tests.docs.documents import ROOT


def test_the_document_shows_the_committed_faults() -> None:
    results = json.loads((ROOT / "benchmarks/results/faults.json").read_text(encoding="utf-8"))
    assert render_table(results) in (ROOT / "docs/reliability.md").read_text(encoding="utf-8")
