"""A search over rows: candidates are trained briefly, the best in full; the best of these is written as a table."""

import logging
import time
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from data.errors import InputError
from data.findings import once, refuse
from tasks.cli.typed import option, task_command
from tasks.files import write_bytes
from tasks.latency.settings import FORMAT_OF
from tasks.latency.table import list_layers
from tasks.latency.target import find_target
from tasks.loaders import open_split
from tasks.models.network import resolve_table
from tasks.search.blocks import Space
from tasks.search.config import SearchConfig
from tasks.search.page import list_candidates, write_finals, write_search
from tasks.search.plan import CANDIDATE, CandidatePlan, FinalPlan, Network
from tasks.trials.outcome import Outcome
from tasks.trials.place import make_place, taking_turns
from tasks.trials.session import Session, conclude
from tasks.trials.study import read_trial
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
        What came of the candidates that were trained in full; of all candidates where none is.

    Raises:
        InputError: before the first training, if the options, the data, the folder or the storage cannot be used, or no
            network of the space reaches the target.
        RunError: if no candidate came to its end.
    """
    check_searchable(config.train)
    plan = prepare(config)
    session = Session(plan, config.search, config.train, plan.shared, config.out, partial(write_search, plan))
    study, outcome = run_to_the_end(session)
    if outcome.best and config.finalists:
        study, outcome = train_finalists(plan, study, outcome)
    conclude(outcome)
    number = outcome.best[0].number
    place = plan.place(read_trial(study, number).user_attrs.get(CANDIDATE, number))
    write_bytes(config.out / WINNER, place.read_bytes())
    logger.info("its rows: %s, those of %s", config.out / WINNER, place)
    logger.info("to use them:\n  %s", task_command("train", option("backbone", config.out / WINNER), "..."))
    return outcome


def prepare(config: SearchConfig) -> CandidatePlan:
    """Time the network that the space is built around, and return what is searched.

    Raises:
        InputError: if the data cannot be used, or no network of the space reaches the target.
    """
    recipe, dataset = config.train.recipe, config.train.dataset
    classes = open_split(recipe.task, dataset, "train", report=once(refuse)).classes
    arch = recipe.describe(classes, dataset).arch
    network = Network(arch, recipe.input_size, config.device, config.device_threads, config.out)
    space = Space(resolve_table(arch))
    check_space(space, network)
    make_place(config.out)
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


def check_space(space: Space, network: Network) -> None:
    """Check that each network of a space can be built, and its latency be told.

    Raises:
        InputError: naming what is too large, or the layer that a table of another device lacks.
    """
    try:
        space.check()
    except ValueError as error:
        raise InputError(f"backbone: the largest network of the space around it has {error}") from error
    if network.device not in FORMAT_OF:
        networks = chain([network.arch], map(network.build, space.cover()))
        network.open_table().check_complete(each for arch in networks for each in list_layers(arch, network.size))


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


def train_finalists(plan: CandidatePlan, study: "Study", outcome: Outcome) -> "tuple[Study, Outcome]":
    """Train the best candidates in full, but for those that were when there were fewer trials or finalists."""
    config, ranking = plan.config, rank(study, outcome)
    best = {number for number, _ in ranking[: config.finalists]}
    final, write = FinalPlan(plan, tuple(ranking)), partial(write_finals, plan, study)
    settings = replace(config.search, study=f"{config.search.study}-{FINALS}", trials=len(best), pruner="none")
    while True:
        finals, ended = run_to_the_end(
            Session(final, settings, config.train, config.shared, config.out / FINALS, write)
        )
        others = {trial.user_attrs.get(CANDIDATE) for trial in finals.get_trials(deepcopy=False)} - {*best, None}
        if len(others) + len(best) <= len(ended.records):
            return finals, ended
        settings = replace(settings, trials=len(others) + len(best))
