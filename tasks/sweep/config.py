"""The options of tasks.sweep, conf/sweep.yaml."""

from dataclasses import dataclass
from pathlib import Path

from tasks.parsing import hidden, spread
from tasks.train.config import TrainConfig
from tasks.trials.settings import TrialSettings
from tasks.trials.writing import drop_options


@dataclass(frozen=True, kw_only=True)
class SweepConfig:
    """One search over the options of a training.

    Attributes:
        train: what all trials have in common; `out` is not theirs.
        search: how it goes about its trials.
        space: file that says which options are searched over, and where.
        out: folder of the search, which several drivers may share.
        debug: whether an error shows its traceback.
        typed: the options of the command line, as they were typed.
    """

    train: TrainConfig = spread()
    search: TrialSettings = spread()
    space: Path
    out: Path
    debug: bool = False
    typed: tuple[str, ...] = hidden(())

    @property
    def shared(self) -> tuple[str, ...]:
        """The options of the command line that are those of every trial."""
        return drop_options(self.typed, SweepConfig)
