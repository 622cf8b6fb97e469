"""What came of the trials of a study so far: for the page, for JSON, for the command's last words."""

import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from tasks.cli.typed import task_command
from tasks.trials.folder import RUN, TRIALS
from tasks.trials.study import REASON

OPTIONS = "options"  # of a trial's training, in its attributes
ENOUGH = 4  # finished trials for the importance of a parameter to be worth a word


@dataclass(frozen=True)
class Record:
    """One trial.

    Attributes:
        number: from 0.
        state: "complete", "pruned", "fail" or "running".
        value: what it is worth, at its end or when it was ended early; None where it has reached nothing.
        options: in which its training differs from the others.
        command: that trains the same again.
        run: the folder of its run, as seen from that of the search.
        seconds: from its begin to its end; None while it runs.
        reason: why it failed; None where it did not.
        scores: what it was worth after so many epochs.
    """

    number: int
    state: str
    value: float | None
    options: tuple[str, ...]
    command: str
    run: str
    seconds: float | None
    reason: str | None
    scores: dict[int, float]

    @property
    def values(self) -> dict[str, str]:
        """Return the same options by their names."""
        return {name: value for name, _, value in (option.partition("=") for option in self.options)}


@dataclass(frozen=True)
class Outcome:
    """All trials of a study.

    Attributes:
        study: its name.
        metric: that trainings are judged by.
        out: folder of the search.
        records: in the order of their numbers.
        importance: share of each parameter in what the trials differ by, the largest first; empty where there are too
            few.
    """

    study: str
    metric: str
    out: Path
    records: tuple[Record, ...]
    importance: dict[str, float]

    @property
    def best(self) -> list[Record]:
        """The finished trials, the best first."""
        finished = [record for record in self.records if record.state == "complete" and record.value is not None]
        return sorted(finished, key=lambda record: (-(record.value or 0.0), record.number))

    def select(self, state: str) -> list[Record]:
        """Return the trials of one state."""
        return [record for record in self.records if record.state == state]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "study": self.study,
            "metric": self.metric,
            "importance": self.importance,
            "trials": [asdict(record) for record in self.records],
        }


def read_outcome(study: Study, metric: str, shared: Sequence[str], out: Path) -> Outcome:
    """Return what a study holds.

    Args:
        study: read from its storage.
        metric: that trainings are judged by.
        shared: options that all trials have, as Hydra takes them.
        out: folder of the search.
    """
    trials = study.get_trials(deepcopy=False)
    records = tuple(describe_trial(trial, shared) for trial in trials)
    return Outcome(study.study_name, metric, out, records, weigh_parameters(study))


def describe_trial(trial: FrozenTrial, shared: Sequence[str]) -> Record:
    """Return what is said of one trial."""
    options = tuple(trial.user_attrs.get(OPTIONS, ()))
    scores = dict(sorted(trial.intermediate_values.items()))
    value = trial.value if trial.state == TrialState.COMPLETE else next(reversed(scores.values()), None)
    return Record(
        number=trial.number,
        state=trial.state.name.lower(),
        value=value,
        options=options,
        command=task_command("train", *map(shlex.quote, (*shared, *options))),
        run=f"{TRIALS}/{trial.number:04d}/{RUN}",
        seconds=trial.duration.total_seconds() if trial.duration is not None else None,
        reason=trial.user_attrs.get(REASON),
        scores=scores,
    )


def weigh_parameters(study: Study) -> dict[str, float]:
    """Return how much each parameter decides over whether a trial is among the best (PED-ANOVA, arXiv:2304.10255)."""
    finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(finished) < ENOUGH or len({trial.value for trial in finished}) < 2:
        return {}
    return optuna.importance.get_param_importances(study)
