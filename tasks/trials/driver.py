"""Works through the trials of a study: starts their trainings, reports what they reach, ends and resumes them."""

import logging
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from optuna.exceptions import StorageInternalError
from optuna.study import Study
from optuna.trial import TrialState
from sqlalchemy.exc import SQLAlchemyError

from data.errors import InputError, RunError, first_line
from tasks.trials.claims import Claim, Claims, try_lock
from tasks.trials.engines import Launch
from tasks.trials.plan import Plan
from tasks.trials.processes import Running
from tasks.trials.settings import TrialSettings
from tasks.trials.study import REASON, read_trial
from tasks.trials.writing import write_option

logger = logging.getLogger(__name__)

PAUSE = 1.0  # seconds from one look at the trials to the next
OUTAGE = 600  # seconds without an answer of the storage after which a driver gives up


@dataclass
class Work:
    """A trial under way.

    Attributes:
        claim: on it.
        slot: which of the trials at once it is, from 0.
        process: its training; None while it waits for another process to leave its folder.
        pruned: whether it is being ended early.
        deaths: how often its process was killed since it last reported a score.
        reported: the epochs after which it has.
    """

    claim: Claim
    slot: int
    process: Running | None = None
    pruned: bool = False
    deaths: int = 0
    reported: set[int] = field(default_factory=set)


class Driver:
    """Works through a study.

    Args:
        study: whose trials.
        claims: from which it takes them.
        plan: what is tried.
        settings: of the search.
        launch: starts a training.
        typed: options of all trainings, as Hydra takes them.
        told: called after each trial that has ended.
    """

    def __init__(
        self,
        study: Study,
        claims: Claims,
        plan: Plan,
        settings: TrialSettings,
        *,
        launch: Launch,
        typed: Sequence[str],
        told: Callable[[], object],
    ) -> None:
        self._study = study
        self._claims = claims
        self._plan = plan
        self._settings = settings
        self._launch = launch
        self._typed = tuple(typed)
        self._told = told
        self._works: list[Work] = []

    def run(self) -> None:
        """Work until no trial is left; whatever ends it earlier, trainings save themselves first.

        Raises:
            RunError: if the storage does not answer for long.
        """
        answered = time.monotonic()
        try:
            while True:
                try:
                    if not self._step():
                        return
                    answered = time.monotonic()
                except (StorageInternalError, SQLAlchemyError) as error:
                    if time.monotonic() - answered > OUTAGE:
                        raise RunError(
                            f"storage: no answer for {OUTAGE // 60} minutes ({first_line(error)}); the trials are "
                            "kept, and the same command goes on"
                        ) from error
                    logger.warning("the storage does not answer: %s", first_line(error))
                time.sleep(PAUSE)
        finally:
            self._stop_all()

    def _step(self) -> bool:
        """Look at each trial once and fill what is free; tell whether anything is left."""
        for work in list(self._works):
            self._look(work)
        while len(self._works) < self._settings.jobs:
            claim = self._claims.claim()
            if claim is None:
                return bool(self._works) or not self._claims.exhausted
            taken = {work.slot for work in self._works}
            work = Work(claim, next(slot for slot in range(self._settings.jobs) if slot not in taken))
            self._works.append(work)
            self._start(work)
        return True

    def _start(self, work: Work) -> None:
        """Start the training of a trial, or go on with it where it was cut."""
        claim, folder = work.claim, work.claim.folder
        if not is_free(folder.run):  # its driver was killed a moment ago, and it still saves itself
            return
        resumes = folder.resumes
        if not resumes:
            shutil.rmtree(folder.run, ignore_errors=True)
        options = (write_option("resume", str(folder.run)),) if resumes else self._write_options(claim)
        verb = "goes on" if resumes else "starts"
        logger.info("trial %d %s: %s", claim.trial.number, verb, " ".join(claim.options))
        work.process = self._launch(options, folder.log.absolute(), work.slot)

    def _write_options(self, claim: Claim) -> tuple[str, ...]:
        return (*self._typed, *claim.options, "trainer.progress_bar=false", write_option("out", str(claim.folder.run)))

    def _look(self, work: Work) -> None:
        """Report what a trial has reached, and settle one whose process has ended."""
        if work.process is None:
            self._start(work)
            return
        status = work.process.poll()
        if self._report(work) and status is None and work.claim.trial.should_prune():
            work.pruned = True
        if status is None and work.pruned:
            work.process.stop()
        if status is not None:
            self._settle(work, status)

    def _report(self, work: Work) -> bool:
        """Report the scores that are new; tell whether there are any."""
        try:
            scores = work.claim.folder.read_scores(self._plan.metric)
        except InputError:  # a log that is being written
            return False
        new = [score for score in scores if score.epochs not in work.reported]
        if not new:
            return False
        known = read_trial(self._study, work.claim.trial.number)
        for score in new:
            if score.epochs not in known.intermediate_values:
                work.claim.trial.report(self._plan.judge(score.value, known), score.epochs)
                work.deaths = 0
            work.reported.add(score.epochs)
        return True

    def _settle(self, work: Work, status: int) -> None:
        """Say what became of a trial, or go on with it."""
        folder, number = work.claim.folder, work.claim.trial.number
        result = folder.read_result(self._plan.metric) if status == 0 else None
        if result is not None:
            value = self._plan.judge(result, read_trial(self._study, number))
            logger.info("trial %d: %s %.4f", number, self._plan.metric, result)
            self._finish(work, TrialState.COMPLETE, value)
        elif work.pruned:
            logger.info("trial %d is ended early", number)
            self._finish(work, TrialState.PRUNED)
        elif is_killed(status) and work.deaths < self._settings.restarts:
            work.deaths += 1
            logger.warning("trial %d: its process was killed (status %d)", number, status)
            work.process = None
        else:
            reason = f"status {status}: {folder.find_reason()}" if status else f"no {self._plan.metric} in its results"
            logger.warning("trial %d failed: %s", number, reason)
            work.claim.trial.set_user_attr(REASON, reason)
            self._finish(work, TrialState.FAIL)

    def _finish(self, work: Work, state: TrialState, value: float | None = None) -> None:
        self._study.tell(work.claim.trial.number, value, state, skip_if_finished=True)
        self._works.remove(work)
        self._claims.release(work.claim)
        self._told()

    def _stop_all(self) -> None:
        """Have all trainings save themselves and wait for them; their trials are gone on with later."""
        running = [work for work in self._works if work.process is not None]
        while running:
            for work in running:
                work.process.stop()  # type: ignore[union-attr]
            time.sleep(PAUSE / 10)
            running = [work for work in running if work.process.poll() is None]  # type: ignore[union-attr]
        for work in self._works:
            self._claims.release(work.claim)
        self._works = []


def is_killed(status: int) -> bool:
    """Tell whether a process was ended by a signal, and not by what it was given to do."""
    return status < 0 or status > 128


def is_free(folder: Path) -> bool:
    """Tell whether no process holds the folder of a run."""
    if not folder.is_dir():
        return True
    with ExitStack() as held:
        return try_lock(folder, held)
