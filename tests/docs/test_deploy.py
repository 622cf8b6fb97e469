"""docs/deploy.md shows the measured exports as committed."""

import json
from pathlib import Path

import pytest

from benchmarks.deployment import render_table
from tests.docs.documents import ROOT


@pytest.mark.parametrize(
    "path", sorted((ROOT / "benchmarks/results").glob("deployment_*.json")), ids=lambda path: path.stem
)
def test_the_document_shows_the_committed_measurements(path: Path) -> None:
    results = json.loads(path.read_text(encoding="utf-8"))
    assert render_table(results) in (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
