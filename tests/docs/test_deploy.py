"""docs/deploy.md shows the measured exports as committed."""

import json

from benchmarks.deployment import render_table
from tests.docs.documents import ROOT


def test_the_document_shows_the_committed_measurements() -> None:
    results = json.loads((ROOT / "benchmarks/results/deployment_bccd.json").read_text(encoding="utf-8"))
    assert render_table(results) in (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
