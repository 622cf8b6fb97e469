"""What is searched over: a YAML file of options of tasks.train, each with a list of choices or a range."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import conf
from data.bounded.yaml_values import read_yaml
from data.errors import InputError
from tasks.cli.options import find_option
from tasks.cli.overrides import CommandLine, suggest
from tasks.parsing import Plain, choices, parse, write_value
from tasks.train.config import TrainConfig
from tasks.trials.training import OWN
from tasks.trials.writing import write_hydra

if TYPE_CHECKING:
    from optuna.trial import Trial

EXPECTED = "expected options of tasks.train, each as [a, b] or {low: 1, high: 2, log: false, step: null}"
RANGE = ("low", "high")  # what each has


@dataclass(frozen=True)
class Choices:
    """Some values of an option, in Hydra's grammar."""

    texts: tuple[str, ...]

    def draw(self, trial: "Trial", name: str) -> str:
        """Choose one."""
        return str(trial.suggest_categorical(name, self.texts))

    @property
    def ends(self) -> tuple[str, ...]:
        """The values that are tried before anything starts."""
        return self.texts

    def __str__(self) -> str:
        return f"[{', '.join(self.texts)}]"


@dataclass(frozen=True)
class Range:
    """The numbers from one to another.

    Attributes:
        low: the lowest.
        high: the highest, itself included.
        log: whether each power of ten is as likely as the others.
        step: from one number to the next; None for all there are.

    Raises:
        ValueError: naming the field, what it held and what is allowed.
    """

    low: int | float
    high: int | float
    log: bool = False
    step: int | float | None = None

    def __post_init__(self) -> None:
        for name in RANGE:
            if not math.isfinite(getattr(self, name)):
                raise ValueError(f"{name}: {getattr(self, name)!r}; expected a finite number")
        if not self.low < self.high:
            raise ValueError(f"high: {self.high!r} with low={self.low!r}; expected more")
        if self.log and self.low <= 0:
            raise ValueError(f"low: {self.low!r} with log=true; expected a number above 0")
        if self.log and self.step is not None:
            raise ValueError(f"step: {self.step!r} with log=true; expected one of them")
        if self.step is not None and not 0 < self.step <= self.high - self.low:
            raise ValueError(f"step: {self.step!r}; expected a number above 0, up to high - low")
        if self.step is not None and (exact(self.high) - exact(self.low)) % exact(self.step):
            raise ValueError(f"step: {self.step!r}; expected one that leads from low={self.low} to high={self.high}")

    @property
    def ends(self) -> tuple[str, ...]:
        """The values that are tried before anything starts."""
        return write_value(self.low), write_value(self.high)

    def __str__(self) -> str:
        step = "" if self.step is None else f" in steps of {write_value(self.step)}"
        return f"{self.ends[0]} to {self.ends[1]}{', logarithmic' if self.log else ''}{step}"


def exact(number: int | float) -> Decimal:
    """Return a number as it is written."""
    return Decimal(repr(number))


@dataclass(frozen=True)
class Floats(Range):
    """Numbers."""

    def draw(self, trial: "Trial", name: str) -> str:
        """Choose one."""
        return write_value(trial.suggest_float(name, self.low, self.high, log=self.log, step=self.step))


@dataclass(frozen=True)
class Integers(Range):
    """Integers."""

    low: int
    high: int
    step: int | None = None

    def draw(self, trial: "Trial", name: str) -> str:
        """Choose one."""
        low, high = self.low, self.high
        return write_value(trial.suggest_int(name, low, high, log=self.log, step=self.step or 1))


Domain = Choices | Floats | Integers


@dataclass(frozen=True)
class Space:
    """What is searched over.

    Attributes:
        domains: of each option.
    """

    domains: Mapping[str, Domain]

    def draw(self, trial: "Trial") -> tuple[str, ...]:
        """Choose a value of each option."""
        return tuple(f"{name}={domain.draw(trial, name)}" for name, domain in self.domains.items())

    def list_ends(self) -> Iterator[str]:
        """Yield each choice and each end of a range as an option."""
        for name, domain in self.domains.items():
            yield from (f"{name}={end}" for end in domain.ends)

    def describe(self) -> dict[str, str]:
        """Return in words what is searched of each option."""
        return {name: str(domain) for name, domain in self.domains.items()}


def read_space(path: Path, words: tuple[str, ...]) -> Space:
    """Read a file.

    Args:
        path: of it.
        words: the options that all trials have, as they were typed.

    Raises:
        InputError: naming the option that cannot be searched over, and why.
    """
    values = read_yaml(path, expected=EXPECTED)
    if not isinstance(values, dict) or not values:
        raise InputError(f"{path}: holds no options; {EXPECTED}")
    given = {word.partition("=")[0].lstrip("+") for word in words}
    try:
        options = unfold(values)
        for name in options:
            if name in given:
                raise InputError(f"{name}: on the command line, too; expected one of both")
        return Space({name: read_domain(name, value) for name, value in options.items()})
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def unfold(values: Mapping[str, Plain], name: str = "") -> dict[str, Plain]:
    """Return what stands behind each option's dotted name; options may stand under their group, as in conf/."""
    found: dict[str, Plain] = {}
    for key, value in values.items():
        full = f"{name}.{key}" if name else str(key)
        group = isinstance(value, dict) and value and not set(value) & set(RANGE)
        inner = unfold(value, full) if group else {full: value}  # type: ignore[arg-type]
        twice = [each for each in inner if each in found]
        if twice:
            raise InputError(f"{twice[0]}: appears twice; expected it once")
        found |= inner
    return found


def read_domain(name: str, value: Plain) -> Domain:
    """Read what is searched of one option.

    Raises:
        InputError: naming the option.
    """
    groups = [path.name for path in conf.FOLDER.iterdir() if path.is_dir()]
    kind = find_option(TrainConfig, name)
    if kind is None and name not in groups:
        raise InputError(suggest(name, CommandLine("train", ())))
    if name in OWN:
        raise InputError(f"{name}: not searched over; expected an option that changes what is trained")
    if isinstance(value, list):
        texts = tuple(map(write_hydra, value))
        if len(set(texts)) < max(2, len(texts)):
            raise InputError(f"{name}: {value}; expected two choices or more, each once")
        return Choices(texts)
    if not isinstance(value, dict):
        raise InputError(f"{name}: {value!r}; expected [a, b] or {{low: 1, high: 2}}")
    numbers = {int, float} & set(choices(kind))
    if not numbers:
        raise InputError(f"{name}: {value}; expected a list of choices, as it is no number")
    return parse(Floats, value, name) if float in numbers else parse(Integers, value, name)
