"""A training whose loading processes are stopped, killed or crash ends with one line, soon."""

from pathlib import Path

import pytest

from benchmarks.faults.hangs import measure


@pytest.mark.slow
def test_a_training_ends_when_a_loading_process_hangs_or_dies(tmp_path: Path) -> None:
    rows = measure(1, tmp_path)
    assert len(rows) >= 3
    assert [row for row in rows if row.held < row.of] == []
