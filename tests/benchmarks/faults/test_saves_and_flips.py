"""The faults of files, provoked as `python -m benchmarks.faults` does, with fewer of each; forked away from pytest."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
MEASURE = """
import importlib, json, sys
from pathlib import Path
module = importlib.import_module(f"benchmarks.faults.{sys.argv[1]}")
print(json.dumps(module.measure(int(sys.argv[2]), Path(sys.argv[3]))))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("name", "count", "rows"), [("saves", 30, 4), ("flips", 200, 2)])
def test_no_cut_save_and_no_flipped_bit_goes_by_unnoticed(name: str, count: int, rows: int, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", MEASURE, name, str(count), str(tmp_path / name)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert len(found) == rows
    assert [row[1] for row in found] == [row[2] for row in found]
    if name == "saves":  # kills that hit nothing would prove nothing
        assert not any(note.startswith("0 ") for _, _, _, note in found[:3])
