"""The options of tasks.export, conf/export.yaml."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from data.config import DatasetConfig
from data.errors import InputError
from data.sizes import Size, to_size
from tasks.dataset_choice import choose_dataset
from tasks.formats.settings import Argmax, GraphSettings, HSwish, Input, Precision, System
from tasks.formats.table import FORMATS, Format
from tasks.parsing import Partial, hidden
from tasks.targets.rule import check_name
from tasks.task import Task

ALL, WEB = "all", "web"  # every format; a page that runs the model
PAGE_FORMAT = "onnx"  # which the page runs
INTEGER_OPTIONS = ("calibration.images", "calibration.seed", "max_drop", "max_latency")
OPSETS = range(18, 24)  # what torch's exporter writes and onnxruntime reads


@dataclass(frozen=True)
class Calibration:
    """The images that the ranges of tensors are read from.

    Attributes:
        images: how many.
        seed: which ones.

    Raises:
        ValueError: if there are none.
    """

    images: int
    seed: int

    def __post_init__(self) -> None:
        if self.images < 1:
            raise ValueError(f"images: {self.images}; expected an integer from 1")


@dataclass(frozen=True)
class WebOptions:
    """What a page needs beside the model.

    Attributes:
        runtime: folder of onnxruntime-web's files; None: it is looked for, and fetched through npm.
    """

    runtime: Path | None


@dataclass(frozen=True, kw_only=True)
class ExportConfig:
    """One export; what each option means is said in the file.

    Raises:
        ValueError: naming the field, what it held and what is allowed.
    """

    checkpoint: Path
    dataset: Partial[DatasetConfig]
    format: str | Sequence[str]
    precision: Precision
    out: Path
    size: Size | int | None
    batch: int | None
    input: Input
    hswish: HSwish
    nms: bool | None
    candidates: int | None
    argmax: Argmax | None
    scores: bool | None
    opset: int
    deployment_target: System
    images: int
    source: str | None
    calibration: Calibration
    max_drop: float | None
    max_latency: float | None
    target: str | Sequence[str] | None
    web: WebOptions
    debug: bool = False
    typed: tuple[str, ...] = hidden(())

    def __post_init__(self) -> None:
        for field in ("batch", "candidates", "images"):
            value = getattr(self, field)
            if value is not None and value < 1:
                raise ValueError(f"{field}: {value}; expected an integer from 1")
        for field in ("max_drop", "max_latency"):
            value = getattr(self, field)
            if value is not None and not value > 0:
                raise ValueError(f"{field}: {value}; expected a number above 0")
        if self.opset not in OPSETS:
            raise ValueError(f"opset: {self.opset}; expected {OPSETS[0]} to {OPSETS[-1]}")
        if self.size is not None:
            to_size(self.size, "size")
        for name in self.targets:
            check_name(name)
        self._check_formats()
        self._check_typed()

    def _check_formats(self) -> None:
        for kind in self.formats:
            if self.precision not in kind.precisions:
                raise ValueError(
                    f"precision: {self.precision!r} with format={kind.name}; choose from {', '.join(kind.precisions)}"
                )
            if self.batch is None and kind.batch != "free":
                raise ValueError(f"batch: null with format={kind.name}, which needs a number; expected an integer")
            if self.batch != 1 and kind.batch == "one":
                raise ValueError(f"batch: {self.batch} with format={kind.name}, which takes one image; expected 1")
        if WEB in self.names and (odd := self._unshown()):
            raise InputError(f"format=web: {odd[0]}; a page needs what is found in the file, of one image in uint8")

    def _unshown(self) -> list[str]:
        """Return the options with which a page could not show what its file gives."""
        options = {
            "input=float": self.input == "float",
            f"batch={self.batch}": self.batch not in (1, None),
            "nms=false": self.nms is False,
            "argmax=none": self.argmax == "none",
        }
        return [option for option, given in options.items() if given]

    def _check_typed(self) -> None:  # one that nothing takes would change nothing, without a word
        typed = {option.partition("=")[0].lstrip("+") for option in self.typed}
        takers = {
            name: f"format={kind.name}"
            for kind in FORMATS.values()
            if kind not in self.formats
            for name in kind.options
        }
        if self.precision != "int8":
            takers |= dict.fromkeys(INTEGER_OPTIONS, "precision=int8")
        if not self.page:
            takers["web.runtime"] = f"format={WEB}"
        if self.nms is False:
            takers["candidates"] = "nms=true"
        if self.argmax == "none":
            takers["scores"] = "argmax=full"
        for name in sorted(typed & takers.keys()):
            raise InputError(f"{name}: an option of {takers[name]}; leave it out")

    @property
    def names(self) -> list[str]:
        """The formats, as they were named."""
        return [self.format] if isinstance(self.format, str) else list(self.format)

    def wants(self, name: str) -> bool:
        """Tell whether a format was named, by itself or with all."""
        return name in self.names or ALL in self.names

    @property
    def page(self) -> bool:
        """Whether a page is wanted that runs the model; among all formats, one that can show what its file gives."""
        return WEB in self.names or (ALL in self.names and not self._unshown())

    @property
    def formats(self) -> list[Format]:
        """The formats that files are converted to; of all, those that have the precision.

        Raises:
            InputError: if there is no such format.
        """
        choices = (*FORMATS, WEB, ALL)
        unknown = [repr(name) for name in self.names if name not in choices]
        if unknown or not self.names:
            raise InputError(f"format: unknown {', '.join(unknown) or 'none'}; choose from {', '.join(choices)}")
        under = [PAGE_FORMAT if name == WEB else name for name in self.names]
        if ALL in under:
            return [kind for kind in FORMATS.values() if self.precision in kind.precisions]
        return [FORMATS[name] for name in dict.fromkeys(under)]

    @property
    def targets(self) -> list[str]:
        """The boards whose documents the network is checked against."""
        return [self.target] if isinstance(self.target, str) else list(self.target or ())

    def choose_dataset(self, own: DatasetConfig) -> DatasetConfig:
        """Return the data set to compare on: another one, or the checkpoint's own with what was given changed."""
        return choose_dataset(own, self.dataset, typed_options=self.typed)

    def choose_settings(self, task: Task, kind: Format, *, size: Size) -> GraphSettings:
        """Return what goes into the file of a format.

        Raises:
            InputError: if an option is not for the task, or the format cannot hold what it asks for.
        """
        own = {name: getattr(self, name) for name in ("nms", "candidates", "argmax", "scores")}
        given = {name: value for name, value in own.items() if value is not None}
        for name in given:
            if name not in task.export_options:
                choices = f"choose from {', '.join(task.export_options)}" if task.export_options else "leave it out"
                raise InputError(f"{name}: not an option of {task.kind}; {choices}")
        if not kind.whole:
            raw = dict(task.raw_output)
            wanted = {name: value for name, value in given.items() if value not in (raw.get(name), False)}
            if wanted:
                name = next(iter(wanted))
                raise InputError(f"{name}: {kind.title} cannot hold what follows the network; leave {name} out")
            given |= raw
        return GraphSettings(size=size, batch=self.batch, input=self.input, hswish=self.hswish, **given)
