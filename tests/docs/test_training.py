"""docs/training.md shows the ablations as committed."""

import json
import sys
from pathlib import Path

import pytest

from benchmarks import ablations
from benchmarks.ablations import STUDIES, render_table

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs/training.md").read_text(encoding="utf-8")
RESULTS = sorted((ROOT / "benchmarks/results").glob("ablations_*.json"))
SCREENING = json.loads((ROOT / "benchmarks/results/screening.json").read_text(encoding="utf-8"))
METRICS = {"detection": "mAP", "segmentation": "mIoU"}


def test_there_are_results_of_every_study() -> None:
    assert {path.stem.split("_")[1] for path in RESULTS} == set(STUDIES)


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_the_document_shows_the_committed_rows(path: Path) -> None:
    text = render_table(json.loads(path.read_text(encoding="utf-8"))).strip()
    assert text in DOCUMENT


@pytest.mark.parametrize(("section", "metric"), METRICS.items())
def test_the_document_shows_the_committed_prototypes(section: str, metric: str) -> None:
    for name, row in SCREENING[section].items():
        values = " | ".join(f"{row[split][metric]:.3f}" for split in ("val", "test"))
        assert f"| {name} | {values} | {row['minutes']:.1f} |" in DOCUMENT


def test_the_document_shows_what_averaging_over_scales_and_mirror_images_gave() -> None:
    for name, row in SCREENING["evaluation"]["rows"].items():
        options = f"`{row['options']}`" if row["options"] else ""
        assert f"| {name} | {options} | {row['val']['mIoU']:.3f} |" in DOCUMENT


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_every_row_is_of_the_options_that_its_study_names(path: Path) -> None:
    variants = STUDIES[path.stem.split("_")[1]].variants
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
    assert rows
    for name, row in rows.items():
        assert row["options"] == " ".join(variants[name])


def test_a_variant_with_a_teacher_asks_for_its_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["bccd", "--data", "data", "--runs", "runs", "--teacher", "none.safetensors"]
    monkeypatch.setattr(sys, "argv", ["ablations", *options])
    with pytest.raises(SystemExit):
        ablations.main()
    assert "--teacher: none.safetensors; expected a checkpoint for 'Large as the teacher'" in capsys.readouterr().err
