"""One driver from its start to its last words."""

import logging
from pathlib import Path

from data.errors import RunError
from tasks.cli.failures import Stopped
from tasks.report.page import REPORT
from tasks.train.signals import Signals, requeue_job
from tasks.trials.driver import Driver
from tasks.trials.outcome import Outcome

logger = logging.getLogger(__name__)


def work_through(driver: Driver) -> None:
    """Let a driver work until no trial is left, or a signal comes.

    Raises:
        Stopped: at a signal, once all trainings have saved themselves, with how to go on.
    """
    with Signals():
        try:
            driver.run()
        except Stopped as stop:
            requeue_job(stop.signal)
            raise Stopped(stop.signal, "the same command goes on") from None


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
