"""The options of tasks.predict, conf/predict.yaml."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from data.errors import InputError
from data.sizes import Size, to_size
from data.storage import is_remote
from tasks.accelerators import Accelerator
from tasks.parsing import hidden

FORMS = ("jsonl", "parquet")  # of the results of a cluster
LOCAL_OPTIONS, RAY_OPTIONS = ("every", "pictures", "videos"), ("part_images",)


@dataclass(frozen=True, kw_only=True)
class PredictConfig:
    """One use of a checkpoint on pictures and videos; what each option means is said in the file.

    Raises:
        ValueError: naming the field, what it held and what is allowed.
    """

    checkpoint: Path
    source: str
    out: str | Path
    engine: Literal["local", "ray"]
    part_images: int
    threshold: float | None
    classes: tuple[str, ...] | None
    tile: Size | int | None
    overlap: float
    every: int
    batch_size: int
    size: Size | int | None
    results: Literal["coco", "csv", "scores", "png", "none", "jsonl", "parquet"] | None
    pictures: Literal["jpg", "png", "none"]
    videos: Literal["mp4", "frames", "none"]
    accelerator: Accelerator
    max_pixels: int
    debug: bool = False
    typed: tuple[str, ...] = hidden(())

    def __post_init__(self) -> None:
        for field in ("every", "batch_size", "max_pixels", "part_images"):
            if getattr(self, field) < 1:
                raise ValueError(f"{field}: {getattr(self, field)}; expected an integer from 1")
        for name in ("tile", "size"):
            if getattr(self, name) is not None:
                to_size(getattr(self, name), name)
        check_share(self.overlap, "overlap")
        if self.threshold is not None:
            check_share(self.threshold, "threshold", most=1.0)
        self._check_engine()

    def _check_engine(self) -> None:  # an option that nothing takes would change nothing, without a word
        typed = {option.partition("=")[0].lstrip("+") for option in self.typed}
        others = LOCAL_OPTIONS if self.engine == "ray" else RAY_OPTIONS
        for name in sorted(typed & set(others)):
            raise InputError(f"{name}: not an option of engine={self.engine}; leave it out")
        if self.engine == "ray" and self.results not in (None, *FORMS):
            raise InputError(f"results: {self.results}; with engine=ray choose from {', '.join(FORMS)}")
        if self.engine == "ray" and self.typed and "out" not in typed:
            raise InputError("out: expected a folder or an address: the same command goes on with what is there")
        if self.engine == "local" and (remote := [each for each in (self.source, str(self.out)) if is_remote(each)]):
            raise InputError(f"{remote[0]}: not read or written by engine=local; expected engine=ray, or a path")


def check_share(value: float, field: str, *, most: float = 0.9) -> float:
    """Check a number from 0 to `most`.

    Raises:
        InputError: naming the field.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise InputError(f"{field}: {value!r}; expected a number from 0 to {most:g}")
    return value
