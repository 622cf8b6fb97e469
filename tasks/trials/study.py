"""Optuna's part: the storage that drivers share, what chooses the next trial, what ends one early."""

import warnings
from collections.abc import Mapping
from pathlib import Path

import optuna
from optuna.exceptions import ExperimentalWarning, OptunaError
from optuna.pruners import BasePruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.storages import RDBStorage
from optuna.study import Study
from optuna.trial import FrozenTrial
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from data.errors import InputError, first_line
from tasks.trials.settings import Pruner, Sampler, TrialSettings

DATABASE = "trials.db"  # in the folder of a search, unless another storage is given
DRIVERS = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}  # what SQLAlchemy reaches a database through
PATIENCE = 60  # seconds that one driver waits for another's writing to a file
DEFINITION = "definition"  # of the search, in the study's attributes
REASON = "reason"  # why a trial failed, in its attributes
FIRST = 5  # trials that are not ended early, for the median to be of something
KEEP = 3  # of so many trials successive halving goes on with one
EXPECTED = "sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME"


def open_study(settings: TrialSettings, definition: Mapping[str, str], *, out: Path, interval: int, seed: int) -> Study:
    """Open a study of that name in the storage, or make it.

    Args:
        settings: of the search.
        definition: what all drivers of the study must have in common, by the option that says it.
        out: folder of the search.
        interval: epochs from one evaluation of a trial to the next.
        seed: of what is chosen.

    Raises:
        InputError: if the storage cannot be opened, or the study there is of another search.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.filterwarnings("ignore", category=ExperimentalWarning)
    storage = open_storage(settings.storage, out)
    study = optuna.create_study(
        storage=storage,
        study_name=settings.study,
        direction="maximize",
        load_if_exists=True,
        sampler=build_sampler(settings.sampler, seed),
        pruner=build_pruner(settings.pruner, interval),
    )
    check_definition(study, definition)
    return study


def open_storage(url: str | None, out: Path) -> RDBStorage:
    """Open the database of a search.

    Raises:
        InputError: if it cannot be reached; a password in its URL is not shown.
    """
    try:
        place = make_url(url or f"sqlite:///{out / DATABASE}")
    except SQLAlchemyError as error:
        raise InputError(f"storage: {url!r} is no URL of a database; expected {EXPECTED}") from error
    sqlite = place.get_backend_name() == "sqlite"
    if sqlite and place.database:
        Path(place.database).parent.mkdir(parents=True, exist_ok=True)
    place = place.set(drivername=DRIVERS.get(place.drivername, place.drivername))
    options = {"connect_args": {"timeout": PATIENCE}} if sqlite else {"pool_pre_ping": True}
    try:
        return RDBStorage(place.render_as_string(hide_password=False), engine_kwargs=options)
    except (SQLAlchemyError, OptunaError, ImportError, RuntimeError, OSError) as error:
        shown = place.render_as_string(hide_password=True)
        cause = error.__cause__ or error
        raise InputError(f"storage: {shown} cannot be opened ({first_line(cause)}); expected {EXPECTED}") from error


def check_definition(study: Study, definition: Mapping[str, str]) -> None:
    """Check that a study is of the same search; a new one notes what it is of.

    Raises:
        InputError: naming the option that is another.
    """
    known: Mapping[str, str] = study.user_attrs.get(DEFINITION, definition)
    for name in {**definition, **known}:
        here, there = (values.get(name, "not given") for values in (definition, known))
        if here != there:
            raise InputError(
                f"{name}: {here}, but the study {study.study_name!r} was begun with: {there}; expected the same, "
                "or study=NAME for another one"
            )
    study.set_user_attr(DEFINITION, dict(definition))


def read_trial(study: Study, number: int) -> FrozenTrial:
    """Return a trial as the storage has it now."""
    return study.get_trials(deepcopy=False)[number]


def build_sampler(name: Sampler, seed: int) -> BaseSampler:
    """Return what chooses the next trial."""
    if name == "random":
        return RandomSampler(seed=seed)
    return NSGAIISampler(seed=seed) if name == "nsga2" else TPESampler(seed=seed)


def build_pruner(name: Pruner, interval: int) -> BasePruner:
    """Return what ends a trial early, by the metric after the same epochs of other trials."""
    if name == "median":
        return MedianPruner(n_startup_trials=FIRST)
    return NopPruner() if name == "none" else SuccessiveHalvingPruner(min_resource=interval, reduction_factor=KEEP)
