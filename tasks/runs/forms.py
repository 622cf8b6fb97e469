"""What the files of a run's folder must hold where a page or a comparison looks, whoever wrote them.

Fields that are not named here are of no use to them: they may be anything, as those of later versions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from data.errors import InputError
from tasks.parsing import parse

Number = float | None
Word = bool | int | float | str | None
Plain = Word | Sequence[Word | Sequence[Word]] | Mapping[str, Word]  # an option
Kind = Literal["classification", "detection", "segmentation"]


@dataclass(frozen=True)
class ListedFile:
    """How long a file is, and its SHA-256."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Inventory:
    """The images of a split, see `data.inventory`."""

    name: Sequence[str]
    bytes: Sequence[int]
    modified: Sequence[int]
    labels: Sequence[str]
    content: Sequence[str]

    def __post_init__(self) -> None:
        columns = (self.name, self.bytes, self.modified, self.labels, *filter(None, (self.content,)))
        if len(set(map(len, columns))) > 1:
            raise ValueError(f"columns of {', '.join(str(len(column)) for column in columns)} images; expected as many")


@dataclass(frozen=True)
class Inputs:
    """inputs.json."""

    config: Mapping[str, Plain] = field(default_factory=dict)
    versions: Mapping[str, str | None] = field(default_factory=dict)
    data: Mapping[str, Inventory] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """manifest.json."""

    files: Mapping[str, ListedFile]


@dataclass(frozen=True)
class Boundary:
    """How well outlines agree."""

    F1: Number = None


@dataclass(frozen=True)
class Error:
    """How often one kind of error was made."""

    count: int | None = None
    count_at_threshold: int | None = None
    dAP50: Number = None  # noqa: N815  # as the file has it


@dataclass(frozen=True)
class Worst:
    """An image with mistakes."""

    picture: str = ""
    image: str = ""
    why: str = ""


@dataclass(frozen=True)
class Empty:
    """What was found where nothing is."""

    images: int
    false_positives: int
    per_image: Number


@dataclass(frozen=True)
class Curve:
    """What the thresholds of a class give."""

    F1: Sequence[Number] | None = None
    precision: Sequence[Number] | None = None
    recall: Sequence[Number] | None = None


@dataclass(frozen=True)
class Curves:
    """What thresholds give."""

    scores: Sequence[float] | None = None
    per_class: Mapping[str, Curve] | None = None


@dataclass(frozen=True)
class Metrics:
    """metrics.json."""

    per_class: Mapping[str, Number] | None = None
    iou: Mapping[str, Number] | None = None


@dataclass(frozen=True)
class Analysis:
    """analysis.json."""

    task: Kind | None = None
    boundary: Boundary | None = None
    per_class: Mapping[str, Mapping[str, Number]] | None = None
    errors: Mapping[str, Error] | None = None
    empty_images: Empty | None = None
    worst: Sequence[Worst] | None = None
    curves: Curves | None = None


@dataclass(frozen=True)
class Network:
    """The names of a network."""

    head: str = ""
    backbone: str = ""


@dataclass(frozen=True)
class Dataset:
    """Where the data were."""

    name: str | None = None
    root: str | None = None
    val: str | None = None
    scenes: Mapping[str, int] | None = None


@dataclass(frozen=True)
class Trainer:
    """How long a run was to be."""

    max_epochs: int | None = None


@dataclass(frozen=True)
class Optimizer:
    """Which one it was."""

    name: str | None = None


@dataclass(frozen=True)
class Config:
    """config.yaml, of a training or an evaluation."""

    model: Network | None = None
    dataset: Dataset | None = None
    trainer: Trainer | None = None
    optimizer: Optimizer | None = None
    checkpoint: str | None = None


@dataclass(frozen=True)
class Split:
    """One split of data.json."""

    images: int
    name: str = ""
    sha256: str = ""
    boxes: int | None = None
    height: tuple[int, int] = (0, 0)
    width: tuple[int, int] = (0, 0)
    hashed: str = ""


@dataclass(frozen=True)
class Data:
    """data.json."""

    name: str = ""
    root: str = ""
    classes: Sequence[str] = ()
    splits: Mapping[str, Split] = field(default_factory=dict)


@dataclass(frozen=True)
class Stage:
    """A part of a network."""

    name: str
    params: int
    madds: int


@dataclass(frozen=True)
class Convention:
    """How operations were counted."""

    madds: str


@dataclass(frozen=True)
class Model:
    """model.json of a run."""

    arch: Network | None = None
    classes: Sequence[str] = ()
    thresholds: Sequence[float] | None = None
    image: tuple[int, int] | None = None
    input: tuple[int, int] | None = None
    params: int = 1
    madds: int = 1
    convention: Convention | None = None
    stages: Sequence[Stage] | None = None

    def __post_init__(self) -> None:
        if min(self.params, self.madds) < 1:
            raise ValueError(f"params, madds: {self.params}, {self.madds}; expected integers from 1")
        if self.thresholds is not None and len(self.thresholds) != len(self.classes):
            raise ValueError(f"thresholds: {len(self.thresholds)} for {len(self.classes)} classes; expected one each")


@dataclass(frozen=True)
class Start:
    """An entry of environment.json."""

    started: str | None = None
    seconds: Number = None
    device: str | None = None
    processor: str | None = None
    folder: str | None = None
    command: str | None = None
    commit: str | None = None
    versions: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        if self.started is not None:
            datetime.fromisoformat(self.started)


def check_form(form: type[Any], values: Mapping[str, object], where: str) -> None:
    """Check that values have the fields of a form where they have any of those names.

    Raises:
        InputError: naming the field, what it held and what is expected.
    """
    try:
        parse(form, values, known_only=True)
    except InputError as error:
        raise InputError(f"{where}: {error}; not as a run writes it") from error
