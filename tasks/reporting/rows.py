"""The rows of a comparison: one value a run, which of them is best, and how far the others are from the first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Value = float | str | None


@dataclass(frozen=True)
class Row:
    """One quantity of several runs.

    Attributes:
        name: of the quantity.
        values: one a run; None where a run does not tell it.
        form: key of `tasks.reporting.numbers.FILTERS`; "text" for values that are text.
        better: +1 where more is better, -1 where less is, 0 where neither.
    """

    name: str
    values: Sequence[Value]
    form: str = "text"
    better: int = 0

    @property
    def numbers(self) -> list[float]:
        """Return the values that are numbers."""
        return [value for value in self.values if isinstance(value, int | float)]

    @property
    def best(self) -> list[int]:
        """Return the positions of the best value; none where there is nothing to choose from."""
        if not self.better or len(set(self.numbers)) < 2:
            return []
        best = max(self.numbers) if self.better > 0 else min(self.numbers)
        return [index for index, value in enumerate(self.values) if value == best]

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
