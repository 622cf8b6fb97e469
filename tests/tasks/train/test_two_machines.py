"""A training on two machines whose cable is cut; they are network namespaces, which only root can make."""

from pathlib import Path

import pytest

from benchmarks.faults.likeness import compare
from benchmarks.two_machines import TIMEOUT, can_join, join, train


@pytest.mark.slow
@pytest.mark.skipif(not can_join(), reason="network namespaces take root, on Linux")
@pytest.mark.parametrize("cut", [3, TIMEOUT + 15], ids=["shortly", "for longer than the time-out"])
def test_a_run_survives_a_cable_that_is_cut(cut: int, tmp_path: Path) -> None:
    with join() as machines:
        train(machines, tmp_path / "whole")
        train(machines, tmp_path / "cut", cut=cut)
    assert compare(tmp_path / "whole", tmp_path / "cut") == ""
