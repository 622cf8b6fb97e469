"""A search from its start to its last words."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from optuna.study import Study

from data.errors import RunError
from tasks.cli.failures import Stopped
from tasks.report.page import REPORT
from tasks.train.config import TrainConfig
from tasks.train.signals import Signals, requeue_job
from tasks.trials.claims import Claims
from tasks.trials.driver import Driver
from tasks.trials.engines import choose_launch
from tasks.trials.outcome import Outcome, read_outcome
from tasks.trials.place import open_place
from tasks.trials.plan import Plan
from tasks.trials.settings import TrialSettings

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Session:
    """One study and all that its trials have in common.

    Attributes:
        plan: what is tried.
        settings: how.
        train: the configuration that all trainings begin with.
        shared: their options, as Hydra takes them.
        out: folder of the study.
        write: writes the page of what came of the trials so far.
    """

    plan: Plan
    settings: TrialSettings
    train: TrainConfig
    shared: tuple[str, ...]
    out: Path
    write: Callable[[Study, Outcome], None]

    def run(self) -> tuple[Study, Outcome]:
        """Work through the trials, in turns with other drivers of the study.

        Raises:
            InputError: if the folder or the storage cannot be used, or is of another search.
            Stopped: at a signal, once all trainings have saved themselves, with how to go on.
        """
        interval = self.train.trainer.check_val_every_n_epoch
        study = open_place(self.settings, self.plan, out=self.out, interval=interval, seed=self.train.seed)
        claims = Claims(study, self.plan, self.settings, out=self.out, seed=self.train.seed)
        driver = Driver(
            study,
            claims,
            self.plan,
            self.settings,
            launch=choose_launch(self.settings),
            typed=(*self._divide_loaders(), *self.shared),
            told=lambda: self._tell(study),
        )
        with Signals():
            try:
                driver.run()
            except Stopped as stop:
                requeue_job(stop.signal)
                raise Stopped(stop.signal, "the same command goes on") from None
        return study, self._tell(study)

    def _tell(self, study: Study) -> Outcome:
        outcome = read_outcome(study, self.plan.metric, self.shared, self.out)
        self.write(study, outcome)
        return outcome

    def _divide_loaders(self) -> tuple[str, ...]:
        """Return the option that divides the loading processes, which change no batch, unless one is given."""
        if self.train.dataset.workers is not None or "dataset.workers" in self.plan.definition:
            return ()
        return (f"dataset.workers={min(self.train.dataset.count_workers(), self.settings.count_threads())}",)


def conclude(outcome: Outcome) -> Outcome:
    """Say what came of a search.

    Raises:
        RunError: if no trial came to its end.
    """
    failed, best = outcome.select("fail"), outcome.best
    for record in failed:
        logger.warning("trial %d failed: %s", record.number, record.reason)
    page = outcome.out / REPORT
    if not best:
        raise RunError(f"none of {len(outcome.records)} trials came to its end; {page} says why")
    logger.info("best: trial %d, %.4f, in %s", best[0].number, best[0].value, outcome.out / best[0].run)
    logger.info("to train it again:\n  %s", best[0].command)
    logger.info("all trials: %s", Path(page))
    return outcome
