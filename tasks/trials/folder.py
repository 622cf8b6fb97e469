"""The folder of a trial: its run, what its process said, and what these tell."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from data.bounded.content import open_regular
from data.bounded.csv_rows import read_rows
from data.bounded.json_values import read_json
from data.errors import InputError
from tasks.drawing.curves import read_number
from tasks.files import METRICS
from tasks.runs.folder import CHECKPOINTS, CONFIG, list_logs

TRIALS = "trials"  # in the folder of a search
RUN, LOG = "run", "log.txt"  # in that of a trial
TAIL = 2**16  # bytes of a log in which the reason of an end is looked for
WORDS = ("error: ", "stopped")  # with which the line begins that says it


class Score(NamedTuple):
    """The metric after so many epochs."""

    epochs: int
    value: float


class TrialFolder:
    """The folder of one trial.

    Args:
        out: of the search.
        number: of the trial.
    """

    def __init__(self, out: Path, number: int) -> None:
        self.path = out / TRIALS / f"{number:04d}"
        self.run = self.path / RUN
        self.log = self.path / LOG
        self._seen: tuple[tuple[int, int], ...] = ()  # sizes and times of the logs as they were read
        self._scores: list[Score] = []

    @property
    def resumes(self) -> bool:
        """Tell whether there is a run with a checkpoint to go on from."""
        return (self.run / CONFIG).is_file() and any((self.run / CHECKPOINTS).glob("[!.]*.ckpt"))

    def read_scores(self, metric: str) -> list[Score]:
        """Return the metric after each evaluation so far; of one that was done again, the last."""
        logs = list_logs(self.run)
        found = tuple((stat.st_size, stat.st_mtime_ns) for stat in (log.stat() for log in logs))
        if found != self._seen:
            values: dict[int, float] = {}
            for log in logs:
                values |= {score.epochs: score.value for score in _read_log(log, f"val/{metric}")}
            self._scores = [Score(*pair) for pair in sorted(values.items())]
            self._seen = found
        return self._scores

    def read_result(self, metric: str) -> float | None:
        """Return the metric of the finished run; None where it has none."""
        path = self.run / METRICS
        if not path.is_file():
            return None
        try:
            values = read_json(path, expected="expected metrics")
        except InputError:
            return None
        value = values.get(metric) if isinstance(values, dict) else None
        return float(value) if isinstance(value, int | float) and math.isfinite(value) else None

    def find_reason(self) -> str:
        """Return what the process said last of why it ended, in one line."""
        try:
            with open_regular(self.log) as file:
                file.seek(max(0, self.log.stat().st_size - TAIL))
                lines = file.read(TAIL).decode(errors="replace").splitlines()
        except (OSError, ValueError):
            lines = []
        told = [line.strip() for line in lines if line.strip()]
        return next(
            (line for line in reversed(told) if line.startswith(WORDS)), told[-1] if told else "it said nothing"
        )


def _read_log(path: Path, column: str) -> Sequence[Score]:
    """Return the values of a column, by the epochs that were done."""
    rows = [(read_number(row.get("epoch")), read_number(row.get(column))) for row in read_rows(path)]
    return [Score(int(epoch) + 1, value) for epoch, value in rows if math.isfinite(epoch) and math.isfinite(value)]
