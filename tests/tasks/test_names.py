"""Any name of a class or a file goes from training to the exported file, and no page takes it for its own text."""

from pathlib import Path

import pytest

from benchmarks.faults.names import measure


@pytest.mark.slow
def test_names_that_no_one_would_give_go_through_all_commands(tmp_path: Path) -> None:
    assert [row for row in measure(1, tmp_path) if row.held < row.of] == []
