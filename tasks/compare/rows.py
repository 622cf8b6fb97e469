"""The rows of a comparison: one value a run, which of them is best, and how far the others are from the first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tasks.report.numbers import FILTERS, NONE

Value = float | str | None


@dataclass(frozen=True)
class ComparisonRow:
    """One quantity of several runs.

    Attributes:
        name: of the quantity.
        values: one a run; None where a run does not tell it.
        form: key of `tasks.report.numbers.FILTERS`; "text" for values that are text.
        better: +1 where more is better, -1 where less is, 0 where neither.
    """

    name: str
    values: Sequence[Value]
    form: str = "text"
    better: int = 0

    @property
    def texts(self) -> list[str]:
        """Return the values as people read them."""
        return [NONE if value is None else FILTERS[self.form](value) for value in self.values]

    @property
    def best(self) -> list[int]:
        """Return the positions of the best value; none where all that there are read the same."""
        numbers = [value for value in self.values if isinstance(value, int | float)]
        texts = self.texts
        if not self.better or len(set(texts) - {NONE}) < 2:
            return []
        best = FILTERS[self.form](max(numbers) if self.better > 0 else min(numbers))
        return [index for index, text in enumerate(texts) if text == best]

    @property
    def differences(self) -> list[float | None]:
        """Return how much each value is above the first run's; None for that run and where one is missing."""
        first, *others = self.values
        return [
            None,
            *(
                value - first if isinstance(value, int | float) and isinstance(first, int | float) else None
                for value in others
            ),
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        entry: dict[str, Any] = {"name": self.name, "values": list(self.values)}
        if self.form != "text":
            entry |= {"differences": self.differences, "best": self.best}
        return entry
