"""A search over rows: candidates are trained briefly, the best in full; the best of these is written as a table."""

import logging
import shutil
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from data.errors import InputError
from data.findings import once, refuse
from tasks.cli.typed import option, task_command
from tasks.latency.target import find_target
from tasks.loaders import open_split
from tasks.models.network import resolve_table
from tasks.search.blocks import Space
from tasks.search.config import SearchConfig
from tasks.search.page import list_candidates, write_finals, write_search
from tasks.search.plan import LAYERS, CandidatePlan, FinalPlan, Network
from tasks.trials.outcome import Outcome
from tasks.trials.place import make_place, taking_turns
from tasks.trials.session import Session, conclude
from tasks.trials.training import check_searchable

if TYPE_CHECKING:
    from optuna.study import Study

logger = logging.getLogger(__name__)

FINALS = "finals"  # the folder of the trainings in full, in that of the search
WINNER = "winner.yaml"
PAUSE = 5.0  # seconds from one look at the trials of other drivers to the next


def search(config: SearchConfig) -> Outcome:
    """Search for the best rows at a latency, or go on with a search.

    Returns:
        What came of the best candidates, trained in full; of all candidates where none is.

    Raises:
        InputError: before the first training, if the options, the data, the folder or the storage cannot be used, or no
            network of the space reaches the target.
        RunError: if no candidate came to its end.
    """
    check_searchable(config.train)
    plan = prepare(config)
    session = Session(plan, config.search, config.train, plan.shared, config.out, partial(write_search, plan))
    study, outcome = run_to_the_end(session)
    ranking = rank(study, outcome)
    ended = outcome if not ranking or not config.finalists else train_finalists(plan, ranking, study)
    conclude(ended)
    place = plan.place(ranking[ended.best[0].number][0] if ended is not outcome else ranking[0][0])
    shutil.copyfile(place, config.out / WINNER)
    logger.info("its rows: %s, those of %s", config.out / WINNER, place)
    logger.info("to use them:\n  %s", task_command("train", option("backbone", config.out / WINNER), "..."))
    return ended


def prepare(config: SearchConfig) -> CandidatePlan:
    """Time the network that the space is built around, and return what is searched.

    Raises:
        InputError: if the data cannot be used, or no network of the space reaches the target.
    """
    recipe, dataset = config.train.recipe, config.train.dataset
    classes = open_split(recipe.task, dataset, "train", report=once(refuse)).classes
    arch = recipe.describe(classes, dataset).arch
    make_place(config.out)
    network = Network(arch, recipe.input_size, config.device, config.device_threads, config.out / LAYERS)
    space = Space(resolve_table(arch))
    with taking_turns(config.out):
        usual, least = network.measure(arch), network.measure(network.build(space.smallest))
    target = find_target(config.target_latency, usual)
    logger.info("%s takes %.3f ms, the target is %.3f ms; %.1e networks", arch.backbone, usual, target, space.count())
    if least > target:
        raise InputError(
            f"target_latency: {config.target_latency}, {target:.3f} ms; the smallest network of the space takes "
            f"{least:.3f} ms; expected at least as much, or a smaller backbone"
        )
    return CandidatePlan(config, space, network, target)


def run_to_the_end(session: Session) -> "tuple[Study, Outcome]":
    """Work through the trials, and wait for those of other drivers."""
    while True:
        study, outcome = session.run()
        if not outcome.select("running"):
            return study, outcome
        time.sleep(PAUSE)


def rank(study: "Study", outcome: Outcome) -> list[tuple[int, float]]:
    """Return number and latency of the candidates that came to their end, the best first."""
    latencies = {candidate.number: candidate.latency for candidate in list_candidates(study)}
    return [(record.number, latencies[record.number]) for record in outcome.best]


def train_finalists(plan: CandidatePlan, ranking: list[tuple[int, float]], study: "Study") -> Outcome:
    """Train the best candidates in full."""
    config = plan.config
    chosen = tuple(ranking[: config.finalists])
    settings = replace(config.search, study=f"{config.search.study}-{FINALS}", trials=len(chosen), pruner="none")
    final = FinalPlan(plan, chosen)
    write = partial(write_finals, plan, study)
    session = Session(final, settings, config.train, config.shared, config.out / FINALS, write)
    return run_to_the_end(session)[1]
