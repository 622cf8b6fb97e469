"""docs/training.md shows the ablations as committed."""

import json
from pathlib import Path

import pytest

from benchmarks.ablations import STUDIES, render_table

ROOT = Path(__file__).parent.parent
RESULTS = sorted((ROOT / "benchmarks/results").glob("ablations_*.json"))


def test_there_are_results_of_every_study() -> None:
    assert {path.stem.split("_")[1] for path in RESULTS} == set(STUDIES)


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_the_document_shows_the_committed_rows(path: Path) -> None:
    text = render_table(json.loads(path.read_text(encoding="utf-8"))).strip()
    assert text in (ROOT / "docs/training.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_every_row_is_of_the_options_that_its_study_names(path: Path) -> None:
    variants = STUDIES[path.stem.split("_")[1]].variants
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
    assert rows
    for name, row in rows.items():
        assert row["options"] == " ".join(variants[name])
