"""What a search tries, as its driver sees it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial, Trial


class Plan(Protocol):
    """What a search tries, and what it judges a trial by; more is better."""

    @property
    def metric(self) -> str:
        """The metric that trainings are judged by, as metrics.json names it."""

    @property
    def definition(self) -> Mapping[str, str]:
        """What all drivers of a study must have in common, in words, by the option that says it."""

    def draw(self, trial: "Trial") -> tuple[str, ...]:
        """Choose what a trial tries; the same again for one that was drawn before.

        Returns:
            The options of its training, as Hydra takes them.
        """

    def judge(self, metric: float, trial: "FrozenTrial") -> float:
        """Return what a trial is worth that has reached a metric so far, or at its end."""
