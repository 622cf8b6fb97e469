"""Which driver works on which trial: each trial has one, and none is lost or done twice."""

import multiprocessing
import shutil
from contextlib import suppress
from pathlib import Path

import pytest
from optuna.study import Study

from data.errors import InputError
from tasks.cli.folders import check_new
from tasks.trials import place
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


def test_a_folder_whose_storage_is_gone_is_called_that(tmp_path: Path) -> None:
    open_search(tmp_path / "out")
    (tmp_path / "out/trials.db").unlink()
    with pytest.raises(InputError, match="the folder of a study that this storage does not have; expected the storage"):
        open_search(tmp_path / "out")


def test_runs_that_are_gone_are_not_taken_for_a_new_folder(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path / 'trials.db'}"
    steps(open_search(tmp_path / "out", storage=storage), 1)
    shutil.rmtree(tmp_path / "out")
    with pytest.raises(InputError, match=r"expected .*/out with the runs and study\.json in it"):
        open_search(tmp_path / "out", storage=storage)


@pytest.mark.parametrize(
    ("owner", "name", "done"), [*((Study, "set_user_attr", done) for done in range(3)), (place, "write_json", 0)]
)
def test_a_driver_that_is_killed_while_it_makes_the_folder_leaves_one_to_go_on_with(
    owner: object, name: str, done: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, calls = getattr(owner, name), []

    def write_or_die(*values: object) -> None:
        if len(calls) == done:
            raise KeyboardInterrupt
        calls.append(values)
        write(*values)

    with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
        patch.setattr(owner, name, write_or_die)
        open_search(tmp_path / "out")
    search = open_search(tmp_path / "out", trials=1)
    search.driver.run()
    assert [record.state for record in search.read().records] == ["complete"]


def test_a_folder_that_another_driver_has_just_made_is_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def check_late(out: Path) -> None:
        (out / "trials").mkdir(parents=True)
        check_new(out)

    monkeypatch.setattr(place, "check_new", check_late)
    place.make_place(tmp_path / "out")


def test_a_folder_with_anything_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(InputError, match="exists and is not empty"):
        open_search(tmp_path)
