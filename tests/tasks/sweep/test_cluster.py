"""A sweep on a Ray cluster of two nodes, both on this machine, one of which goes away."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tasks.runs.environment import read_starts
from tests.support.sweeps import find_owner, finish, read_trials, start_sweep, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ray")]  # a cluster takes both cores
NODE = {"num_cpus": 1, "num_gpus": 0, "object_store_memory": 80_000_000, "include_dashboard": False}


@pytest.fixture
def cluster() -> Iterator[Any]:
    """Start a head with one core and a second node with one."""
    utilities = pytest.importorskip("ray.cluster_utils")
    found = utilities.Cluster(initialize_head=True, head_node_args=NODE)
    try:
        yield found
    finally:
        found.shutdown()


def test_trials_run_on_both_nodes_and_outlive_one(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = cluster.add_node(num_cpus=1, object_store_memory=NODE["object_store_memory"])
    cluster.wait_for_nodes()
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    options = ("trials=2", "jobs=2", "threads=1", "engine=ray", "trainer.max_epochs=6", "pruner=none")
    driver = start_sweep(tmp_path, *options)
    runs = [tmp_path / f"out/trials/{number:04d}/run" for number in range(2)]
    wait_for(lambda: all(map(find_owner, runs)), driver)  # at once, so one on each node, which have a core each
    cluster.remove_node(second, allow_graceful=False)
    finish(driver, tmp_path)
    assert [trial["state"] for trial in read_trials(tmp_path)] == ["complete"] * 2
    assert [len(trial["scores"]) for trial in read_trials(tmp_path)] == [6, 6]
    starts = [len(list((run / "logs").glob("start_*"))) for run in runs]
    assert sorted(starts) == [1, 2]


def test_a_trial_that_the_cluster_has_no_room_for_waits(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    driver = start_sweep(tmp_path, "trials=2", "jobs=2", "threads=1", "engine=ray", "trainer.max_epochs=1")
    finish(driver, tmp_path)
    assert [trial["state"] for trial in read_trials(tmp_path)] == ["complete"] * 2
    (first,), (second,) = (read_starts(tmp_path / f"out/trials/{number:04d}/run") for number in range(2))
    begins = sorted((datetime.fromisoformat(start["started"]), start["seconds"]) for start in (first, second))
    assert begins[0][0] + timedelta(seconds=begins[0][1]) <= begins[1][0]
