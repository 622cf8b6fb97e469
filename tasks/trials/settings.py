"""The options that every search has: how many trainings, how many at once, on what, and what chooses and ends them."""

import os
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

from data.errors import InputError

Engine = Literal["local", "ray"]
Pruner = Literal["median", "halving", "none"]
Sampler = Literal["tpe", "nsga2", "random"]
PACKAGES = {"ray": "ray"}  # that an engine needs; the extra that installs it bears its name


@dataclass(frozen=True, kw_only=True)
class TrialSettings:
    """How a search goes about its trials.

    Attributes:
        study: its name in the storage.
        storage: URL of the database that drivers share; None for a file in the search's folder.
        trials: how many in all, those of other drivers and of earlier starts among them.
        jobs: how many of them at once, of this driver.
        engine: what they run on.
        threads: of a CPU that each has; None for the cores of this machine, divided among the jobs.
        gpus: that each has on a Ray cluster.
        sampler: what chooses the next trial.
        pruner: what ends one early.
        restarts: how often a trial whose process was killed is gone on with before it has got any further.

    Raises:
        ValueError: naming the field, what it held and what is allowed.
    """

    study: str
    storage: str | None = None
    trials: int
    jobs: int = 1
    engine: Engine = "local"
    threads: int | None = None
    gpus: float = 0
    sampler: Sampler = "tpe"
    pruner: Pruner = "median"
    restarts: int = 3

    def __post_init__(self) -> None:
        for name in ("trials", "jobs", "threads"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name}: {value}; expected an integer from 1")
        if self.restarts < 0:
            raise ValueError(f"restarts: {self.restarts}; expected an integer from 0")
        if not 0 <= self.gpus < float("inf"):
            raise ValueError(f"gpus: {self.gpus!r}; expected a number from 0")
        if not self.study.strip():
            raise ValueError(f"study: {self.study!r}; expected a name")
        if self.gpus and self.engine != "ray":
            raise ValueError(f"gpus: {self.gpus} with engine={self.engine}; expected engine=ray, which deals them out")

    def count_threads(self) -> int:
        """Return the threads that each trial has."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return self.threads or max(1, cores // self.jobs)

    def check_packages(self) -> None:
        """Check that what a search needs beyond training is installed.

        Raises:
            InputError: with the command that installs what is missing.
        """
        needed = {"optuna": "sweep"}
        if self.engine in PACKAGES:
            needed[PACKAGES[self.engine]] = self.engine
        for package, extra in needed.items():
            if find_spec(package) is None:
                raise InputError(f"{package} is not installed; pip install 'bneck[{extra}]' does it")
