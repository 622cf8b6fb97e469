"""Which driver works on which trial: each trial has one, and none is lost or done twice."""

import multiprocessing
from pathlib import Path

import pytest

from data.errors import InputError
from tasks.trials.place import bind
from tests.support.trial_runs import open_search, steps

spawned = multiprocessing.get_context("spawn")


def work(out: Path, start: "multiprocessing.synchronize.Barrier", found: "multiprocessing.Queue[list[str]]") -> None:
    """Work as one of several drivers, in a process of its own; tell which trials it began."""
    from tasks.trials import driver

    driver.PAUSE = 0.01
    search = open_search(out, trials=8, jobs=2, pruner="none")
    start.wait(120)
    search.driver.run()
    found.put([training.out.parent.name for training in search.started])


@pytest.mark.slow
def test_a_driver_leaves_the_trials_of_another_alone_and_takes_those_that_are_left(tmp_path: Path) -> None:
    start, found = spawned.Barrier(2), spawned.Queue()
    processes = [spawned.Process(target=work, args=(tmp_path / "out", start, found)) for _ in range(2)]
    for process in processes:
        process.start()
    begun = [found.get(timeout=300) for _ in processes]
    for process in processes:
        process.join(60)
    assert sorted(begun[0] + begun[1]) == [f"{number:04d}" for number in range(8)]
    search = open_search(tmp_path / "out", trials=8)
    assert [record.state for record in search.read().records] == ["complete"] * 8


def test_claims_are_exhausted_only_once_no_trial_is_left(tmp_path: Path) -> None:
    search = open_search(tmp_path / "out", trials=2)
    claims = search.driver._claims
    first, second = claims.claim(), claims.claim()
    assert first is not None
    assert second is not None
    assert (first.trial.number, second.trial.number) == (0, 1)
    assert not claims.exhausted
    assert claims.claim() is None
    assert claims.exhausted
    claims.release(first)  # unfinished
    again = claims.claim()
    assert again is not None
    assert (again.trial.number, again.adopted, again.options) == (0, True, first.options)


def test_a_folder_belongs_to_one_study(tmp_path: Path) -> None:
    search = open_search(tmp_path / "out", trials=1)
    steps(search, 1)
    other = open_search(tmp_path / "other", trials=1)
    for study, out in ((search.study, other.out), (other.study, search.out)):
        with pytest.raises(InputError, match=r"is not the folder of the study 'line'") as raised:
            bind(study, out)
        assert study.user_attrs["folder"] in str(raised.value)
    bind(search.study, search.out)


def test_a_folder_with_anything_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(InputError, match="exists and is not empty"):
        open_search(tmp_path)
