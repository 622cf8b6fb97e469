"""The options of tasks.doctor, conf/doctor.yaml."""

from dataclasses import dataclass
from pathlib import Path

from data.config import DatasetConfig
from tasks.parsing import hidden, spread
from tasks.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class DoctorConfig:
    """One look at a data set, or at a run.

    Attributes:
        dataset: what is looked at.
        recipe: for which network: boxes are measured against its input and its anchors.
        out: folder of the report.
        run: folder of a training run whose files are looked at in place of a data set.
        decode: whether images are decoded, not their headers alone read.
        debug: whether an error shows its traceback.
        typed: the options of the command line, as they were typed.
    """

    recipe: Recipe = spread()
    dataset: DatasetConfig
    out: Path
    decode: bool
    run: Path | None = None
    debug: bool = False
    typed: tuple[str, ...] = hidden(())
