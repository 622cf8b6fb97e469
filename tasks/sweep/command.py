"""A sweep: the space is checked, the trials are worked through, a page says what came out."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from data.errors import InputError
from tasks.sweep.config import SweepConfig
from tasks.sweep.space import Space, read_space
from tasks.train.config import TrainConfig
from tasks.trials.outcome import Outcome
from tasks.trials.page import write_outcome
from tasks.trials.session import Session, conclude
from tasks.trials.training import check_searchable, compose_training

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial, Trial


@dataclass(frozen=True)
class SweepPlan:
    """What a sweep tries, see `tasks.trials.plan.Plan`.

    Attributes:
        space: the options that are searched over.
        shared: those that all trials have.
        metric: that they are judged by.
    """

    space: Space
    shared: tuple[str, ...]
    metric: str

    @property
    def definition(self) -> Mapping[str, str]:
        """What all drivers of a study must have in common."""
        options = {name: value for name, _, value in (option.partition("=") for option in self.shared)}
        return {**options, **self.space.describe()}

    def draw(self, trial: "Trial") -> tuple[str, ...]:
        """Choose what a trial tries."""
        return self.space.draw(trial)

    def judge(self, metric: float, trial: "FrozenTrial") -> float:
        """Return the metric itself."""
        return metric


def sweep(config: SweepConfig) -> Outcome:
    """Search for the best options of a training, or go on with a search.

    Returns:
        What came of all trials so far.

    Raises:
        InputError: before the first trial, if the options, the space, the folder or the storage cannot be used.
        RunError: if no trial came to its end.
    """
    shared = config.shared
    check_searchable(config.train)
    space = read_space(config.space, shared)
    check_space(space, shared, config.train)
    plan = SweepPlan(space, shared, config.train.recipe.metric)
    write = partial(write_outcome, title="Sweep", judged=plan.metric)
    session = Session(plan, config.search, config.train, shared, config.out, lambda study, outcome: write(outcome))
    _, outcome = session.run()
    return conclude(outcome)


def check_space(space: Space, shared: tuple[str, ...], config: TrainConfig) -> None:
    """Check that each choice and each end of a range makes a training, judged by the same metric as the others.

    Raises:
        InputError: naming the option that does not.
    """
    for option in space.list_ends():
        try:
            found = compose_training((*shared, option)).recipe.metric
        except InputError as error:
            raise InputError(f"space: {option}: {error}") from error
        if found != config.recipe.metric:
            raise InputError(f"space: {option}: judged by {found}; expected trainings by {config.recipe.metric} alone")
