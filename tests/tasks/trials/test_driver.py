"""A driver works through its trials, whatever becomes of their processes, of itself, and of other drivers."""

import signal
from collections.abc import Sequence
from pathlib import Path

import pytest
from optuna.exceptions import StorageInternalError
from optuna.trial import TrialState

from data.errors import RunError
from tasks.trials import driver
from tests.support.trial_runs import EPOCHS, Training, abandon, open_search, steps


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "PAUSE", 0.0)


def test_as_many_trials_as_asked_for_come_to_their_end_with_the_metric_of_their_run(tmp_path: Path) -> None:
    search = open_search(tmp_path / "out", trials=3, pruner="none")
    search.driver.run()
    outcome = search.read()
    assert [record.state for record in outcome.records] == ["complete"] * 3
    for record, training in zip(outcome.records, search.started, strict=True):
        assert record.value == training.x
        assert record.options == (f"x={training.x}",)
        assert list(record.scores) == [1, 2, 3]
    assert outcome.best[0].value == max(training.x for training in search.started)
    assert len({record.value for record in outcome.records}) == 3


def test_no_more_trials_than_jobs_run_at_once_and_each_has_a_slot_of_its_own(tmp_path: Path) -> None:
    search = open_search(tmp_path / "out", trials=5, jobs=2, pruner="none")
    steps(search, 1)
    assert [training.slot for training in search.started] == [0, 1]
    search.started[0].end(1)
    steps(search, 1)
    assert [training.slot for training in search.started] == [0, 1, 0]
    search.driver.run()
    assert len(search.started) == 5


def test_what_a_trial_tries_follows_from_the_seed_and_its_number(tmp_path: Path) -> None:
    found = []
    for name, jobs in (("a", 1), ("b", 2)):
        search = open_search(tmp_path / name, jobs=jobs, pruner="none")
        search.driver.run()
        found.append([record.options for record in search.read().records])
    assert found[0] == found[1]


def test_a_failed_trial_says_why_and_stops_no_other(tmp_path: Path) -> None:
    class Failing(Training):
        def poll(self) -> int | None:
            return self.end(1, "error: the loss is nan") if self.slot == 0 and not made else super().poll()

    made: list[int] = []
    search = open_search(tmp_path / "out", trials=3, kind=Failing, pruner="none")
    steps(search, 2)
    made.append(1)
    search.driver.run()
    first, *others = search.read().records
    assert (first.state, first.reason) == ("fail", "status 1: error: the loss is nan")
    assert [record.state for record in others] == ["complete"] * 2


def test_a_run_without_its_metric_fails_by_name(tmp_path: Path) -> None:
    class Empty(Training):
        def poll(self) -> int | None:
            return self.end(0)

    search = open_search(tmp_path / "out", trials=1, kind=Empty)
    search.driver.run()
    assert search.read().records[0].reason == "no mAP in its results"


def test_a_trial_far_below_the_others_is_ended_early(tmp_path: Path) -> None:
    class Ranked(Training):
        def __init__(self, options: Sequence[str], log: Path, slot: int) -> None:
            super().__init__(options, log, slot)
            number = int(self.out.parent.name)
            self.x = 0.01 if number == 6 else 0.5 + number / 100

    search = open_search(tmp_path / "out", trials=7, kind=Ranked)
    search.driver.run()
    records = search.read().records
    assert [record.state for record in records] == ["complete"] * 6 + ["pruned"]
    assert records[6].value == pytest.approx(0.01 / EPOCHS)
    assert search.started[6].status == 143


def test_a_killed_process_goes_on_with_its_run(tmp_path: Path) -> None:
    search = open_search(tmp_path / "out", trials=1)
    steps(search, 2)
    search.started[0].end(-signal.SIGKILL)
    search.driver.run()
    (record,) = search.read().records
    assert [training.resumed for training in search.started] == [False, True]
    assert (record.state, list(record.scores)) == ("complete", [1, 2, 3])


def test_a_process_that_is_killed_again_and_again_without_getting_further_fails(tmp_path: Path) -> None:
    class Dying(Training):
        def poll(self) -> int | None:
            return self.end(-signal.SIGKILL, "Killed")

    search = open_search(tmp_path / "out", trials=1, kind=Dying, restarts=2)
    search.driver.run()
    (record,) = search.read().records
    assert (record.state, record.reason) == ("fail", "status -9: Killed")
    assert len(search.started) == 3


def test_the_trials_of_a_driver_that_was_killed_are_gone_on_with(tmp_path: Path) -> None:
    first = open_search(tmp_path / "out", trials=3, jobs=2, pruner="none")
    steps(first, 2)
    abandon(first)
    second = open_search(tmp_path / "out", trials=3, jobs=2, pruner="none")
    second.driver.run()
    records = second.read().records
    assert [record.state for record in records] == ["complete"] * 3
    assert [training.resumed for training in second.started] == [True, True, False]
    assert [record.value for record in records] == [training.x for training in second.started]


def test_a_trial_that_had_no_checkpoint_begins_anew_with_the_same_options(tmp_path: Path) -> None:
    first = open_search(tmp_path / "out", trials=1)
    steps(first, 1)
    options = first.read().records[0].options
    abandon(first)
    second = open_search(tmp_path / "out", trials=1)
    second.driver.run()
    assert [training.resumed for training in second.started] == [False]
    assert second.read().records[0].options == options


def test_a_driver_waits_for_a_run_that_still_saves_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = [False]
    monkeypatch.setattr(driver, "is_free", lambda folder: free[0])
    search = open_search(tmp_path / "out", trials=1)
    steps(search, 3)
    assert search.started == []
    free[0] = True
    search.driver.run()
    assert search.read().records[0].state == "complete"


def test_a_driver_that_is_ended_lets_its_trainings_save_themselves_and_keeps_the_trials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = open_search(tmp_path / "out", trials=2, jobs=2)
    steps(search, 1)
    monkeypatch.setattr(search.driver, "_step", lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        search.driver.run()
    assert [training.status for training in search.started] == [143, 143]
    assert [trial.state for trial in search.study.trials] == [TrialState.RUNNING] * 2


def test_an_outage_of_the_storage_is_waited_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    search = open_search(tmp_path / "out", trials=2)
    before, calls = search.driver._claims.claim, []

    def fail_twice() -> object:
        calls.append(None)
        if len(calls) < 3:
            raise StorageInternalError("gone")
        return before()

    monkeypatch.setattr(search.driver._claims, "claim", fail_twice)
    search.driver.run()
    assert [record.state for record in search.read().records] == ["complete"] * 2


def test_a_storage_that_stays_away_ends_the_driver_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    search = open_search(tmp_path / "out")
    monkeypatch.setattr(driver, "OUTAGE", -1.0)
    monkeypatch.setattr(search.driver, "_step", lambda: (_ for _ in ()).throw(StorageInternalError("gone")))
    with pytest.raises(RunError, match=r"no answer .* the trials are kept"):
        search.driver.run()
