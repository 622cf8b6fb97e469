"""The options of tasks.benchmark, conf/benchmark.yaml."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from data.config import DatasetConfig
from data.sizes import Size, to_size
from tasks.accelerators import Accelerator
from tasks.parsing import Partial, hidden, spread
from tasks.recipe import Recipe

FIGURES = (".png", ".svg", ".pdf")


@dataclass(frozen=True, kw_only=True)
class BenchmarkConfig:
    """One benchmark.

    Attributes:
        recipe: of the network, unless a checkpoint is given; its `sizes` are those that a checkpoint is compared at.
        dataset: changes to the data set of the checkpoint, on which it is compared; and the crop of segmenters.
        table: number of a table of the paper, built in place of a network.
        json: file for the results.
        figure: file for a figure of metric against latency, of `sizes`.
        max_drop: points of the metric that the size which is named may lose, of `sizes`.
        checkpoint: a file, or the name of published weights.
        num_classes: without background; None for those of the usual data set.
        image: (height, width) in pixels of the decoded image; None for a usual one.
        threads: of torch; None for as many as it takes.
        warmup_runs: before the clock runs.
        repeats: runs that are timed.
        accelerator: Lightning's name of the device.
        debug: whether an error shows its traceback.
        typed: the options of the command line, as they were typed.

    Raises:
        ValueError: naming the field, what it held and what is allowed.
    """

    recipe: Recipe = spread()
    dataset: Partial[DatasetConfig]
    table: Literal[3, 6, 7, 8] | None
    json: Path | None
    figure: Path | None
    max_drop: float
    checkpoint: Path | None
    num_classes: int | None
    image: Size | int | None
    threads: int | None
    warmup_runs: int
    repeats: int
    accelerator: Accelerator
    debug: bool = False
    typed: tuple[str, ...] = hidden(())

    def __post_init__(self) -> None:
        for field in ("num_classes", "threads", "warmup_runs", "repeats"):
            value = getattr(self, field)
            if value is not None and value < 1:
                raise ValueError(f"{field}: {value}; expected an integer from 1")
        if self.image is not None:
            to_size(self.image, "image")
        if self.json is not None and self.json.is_dir():
            raise ValueError(f"json: {self.json} is a folder; expected the name of a file")
        if not 0 <= self.max_drop < math.inf:
            raise ValueError(f"max_drop: {self.max_drop!r}; expected a number from 0")
        if self.recipe.sizes is not None and self.checkpoint is None:
            raise ValueError("sizes: nothing to compare without checkpoint=, random weights have no metric")
        if self.figure is not None and self.recipe.sizes is None:
            raise ValueError(f"figure={self.figure}: of several sizes only; give sizes=, such as sizes=[256,320]")
        if self.figure is not None and self.figure.suffix not in FIGURES:
            raise ValueError(f"figure: {self.figure}; expected a file that ends in {', '.join(FIGURES)}")

    @property
    def image_size(self) -> Size | None:
        """(height, width) in pixels of the decoded image; None for a usual one."""
        return None if self.image is None else to_size(self.image, "image")
