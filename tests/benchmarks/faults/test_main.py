"""The table of faults: what is noted of one file of them stays when another is measured."""

import json
from pathlib import Path

import pytest

from benchmarks.faults import __main__ as faults
from benchmarks.faults.row import Row


def test_what_was_noted_of_other_faults_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("benchmarks.timing", "benchmarks.faults.__main__"):
        monkeypatch.setattr(f"{module}.RESULTS", tmp_path)
    faults.note("flips", [Row("bits", 9, 10, "one missed")])
    faults.note("saves", [Row("kills", 5, 5, "")])
    results = faults.note("flips", [Row("bits", 10, 10, "")])
    assert json.loads((tmp_path / "faults.json").read_text())["rows"] == results["rows"]
    assert faults.render_table(results) == (
        "| provoked | held | |\n|---|---:|---|\n| kills | 5 of 5 |  |\n| bits | 10 of 10 |  |\n"
    )


def test_every_file_of_faults_is_measured() -> None:
    files = {path.stem for path in Path(faults.__file__).parent.glob("*.py") if "def measure(" in path.read_text()}
    assert files - {"__main__"} == set(faults.COUNTS)
