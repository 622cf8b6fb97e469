"""The options of tasks.benchmark, conf/benchmark.yaml."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from data.sizes import Size, to_size
from tasks.accelerators import Accelerator
from tasks.parsing import hidden, spread
from tasks.recipe import Recipe


@dataclass(frozen=True)
class CropOptions:
    """What a recipe for segmenters takes its size from, unless it names one."""

    crop: Size


@dataclass(frozen=True, kw_only=True)
class BenchmarkConfig:
    """One benchmark.

    Attributes:
        recipe: of the network, unless a checkpoint is given.
        dataset: stands in for a data set.
        table: number of a table of the paper, built in place of a network.
        json: file for the results.
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
    dataset: CropOptions
    table: Literal[3, 6, 7, 8] | None
    json: Path | None
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
