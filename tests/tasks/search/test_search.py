"""A real search, as small as it comes: layers timed, candidates trained, the best of them trained in full."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.models.table_file import read_table
from tests.support.sweeps import ROOT, SMALLEST


@pytest.mark.slow
def test_the_winner_is_a_network_that_trains_and_evaluates(tmp_path: Path) -> None:
    words = (*SMALLEST, f"dataset.root={tmp_path / 'scenes'}", f"out={tmp_path / 'out'}", "device=torch", "trials=2")
    options = ("epochs=1", "trainer.max_epochs=2", "target_latency=2x", "pruner=none")
    subprocess.run([sys.executable, "-m", "tasks.search", *words, *options], cwd=ROOT, check=True)
    found = json.loads((tmp_path / "out/trials.json").read_text())
    assert [trial["state"] for trial in found["trials"]] == ["complete"] * 2
    assert all(0 < candidate["latency"] < 100 for candidate in found["candidates"])
    run = tmp_path / "out/finals/trials/0000/run"
    model = json.loads((run / "model.json").read_text())
    rows = read_table(tmp_path / "out/winner.yaml").table.rows
    assert [row["exp_size"] for row in model["arch"]["table"]["rows"]] == [row.exp_size for row in rows]
    assert (run / "metrics.json").is_file()
