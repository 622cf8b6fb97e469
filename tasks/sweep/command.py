"""A sweep: the space is checked, the trials are worked through, a page says what came out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from data.errors import InputError
from tasks.sweep.config import SweepConfig
from tasks.sweep.space import Space, read_space
from tasks.train.config import TrainConfig
from tasks.trials.claims import Claims
from tasks.trials.driver import Driver
from tasks.trials.engines import choose_launch
from tasks.trials.outcome import Outcome, read_outcome
from tasks.trials.page import write_outcome
from tasks.trials.place import open_place
from tasks.trials.session import conclude, work_through
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
    shared, settings, seed = config.shared, config.search, config.train.seed
    check_searchable(config.train)
    space = read_space(config.space, shared)
    check_space(space, shared, config.train)
    plan = SweepPlan(space, shared, config.train.recipe.metric)
    interval = config.train.trainer.check_val_every_n_epoch
    study = open_place(settings, plan, out=config.out, interval=interval, seed=seed)

    words = (*divide_loaders(config, plan), *shared)

    def tell() -> Outcome:
        outcome = read_outcome(study, plan.metric, shared, config.out)
        write_outcome(outcome, title="Sweep", judged=plan.metric)
        return outcome

    claims = Claims(study, plan, settings, out=config.out, seed=seed)
    work_through(Driver(study, claims, plan, settings, launch=choose_launch(settings), typed=words, told=tell))
    return conclude(tell())


def divide_loaders(config: SweepConfig, plan: SweepPlan) -> tuple[str, ...]:
    """Return the option that divides the loading processes, which change no batch, unless one is given."""
    if config.train.dataset.workers is not None or "dataset.workers" in plan.definition:
        return ()
    return (f"dataset.workers={min(config.train.dataset.count_workers(), config.search.count_threads())}",)


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
