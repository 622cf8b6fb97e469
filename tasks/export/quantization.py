"""INT8 after training: layers stay in float until the metric holds, and the file is seen to compute in integers."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from data.errors import InputError
from tasks.export.sensitivity import Layer
from tasks.formats.operators import Operator, find_types, integer_share

logger = logging.getLogger(__name__)

ROUNDING = 1e-9  # points: a drop is a difference of two numbers
TOLERANCE = 0.9  # of the multiply-adds that should be in integers: a runtime may keep small layers in float


class Attempt(NamedTuple):
    """One file with some layers in float."""

    excluded: int  # layers, those that suffer most
    metric: float  # of the file
    drop: float  # points lost
    latency: float | None  # milliseconds for one image, where it is bounded
    share: float  # of the multiply-adds in integers, 0 to 1


@dataclass(frozen=True)
class Bounds:
    """What an INT8 file may cost.

    Attributes:
        drop: points of the metric that it may lose; None for any.
        latency: milliseconds that one image may take; None for any.
    """

    drop: float | None
    latency: float | None

    def allow(self, attempt: Attempt) -> bool:
        """Tell whether a file keeps within them."""
        slow = self.latency is not None and attempt.latency is not None and attempt.latency > self.latency
        return not slow and (self.drop is None or attempt.drop <= self.drop + ROUNDING)


@dataclass(frozen=True)
class Trial:
    """How a file with some layers in float is made and judged.

    Attributes:
        convert: writes it.
        score: gives its metric, 0 to 1.
        time: gives its milliseconds for one image; None where they do not matter.
        list_operators: of the file.
    """

    convert: Callable[[frozenset[str]], None]
    score: Callable[[], float]
    time: Callable[[], float] | None
    list_operators: Callable[[], list[Operator]]


@dataclass(frozen=True)
class Quantized:
    """What came of it: the layers, the attempts that led there, and what the last file computes each layer in."""

    metric: str
    before: float
    layers: Sequence[Layer]
    attempts: Sequence[Attempt]
    types: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, as quantization.json has them."""
        last = self.attempts[-1]
        return {
            "metric": {"name": self.metric, "before": self.before, "after": last.metric, "drop_points": last.drop},
            "integer_share_of_multiply_adds": last.share,
            "attempts": [attempt._asdict() for attempt in self.attempts],
            "layers": [
                describe_layer(layer, rank, excluded=last.excluded, dtype=self.types[layer.name])
                for rank, layer in enumerate(self.layers)
            ],
        }


def describe_layer(layer: Layer, rank: int, *, excluded: int, dtype: str) -> dict[str, Any]:
    """Return plain values of the layer that suffers most but `rank` others; no type where no operator tells it."""
    why = ""
    if rank < excluded:
        why = f"one of the {excluded} that suffer most; with fewer tried, a bound was passed"
    elif dtype and "int" not in dtype:
        why = "the format's own converter or runtime leaves it in float"
    return {
        "name": layer.name,
        "multiply_adds": layer.madds,
        "signal_to_noise_db": layer.signal_to_noise,
        "computes_in": dtype or None,
        "why": why,
    }


def search(
    trial: Trial, layers: Sequence[Layer], *, metric: str, before: float, bounds: Bounds, path: Path, most: int
) -> Quantized:
    """Leave more and more layers in float, those that suffer most first, until the file keeps within the bounds.

    Args:
        trial: makes and judges a file.
        layers: of the network, the one that suffers most first.
        metric: its name.
        before: the checkpoint's own, 0 to 1.
        bounds: what the file may cost.
        path: of the file, for messages.
        most: layers that may stay in float; none where their scales were learnt in training.

    Raises:
        InputError: with the attempts, if none keeps within the bounds; or if the file does not compute in integers.
    """
    attempts: list[Attempt] = []
    for count in list_counts(most):
        floats = frozenset(layer.name for layer in layers[:count])
        trial.convert(floats)
        operators = trial.list_operators()
        check_integer(layers[count:], operators, path=path)
        after = trial.score()
        latency = trial.time() if trial.time else None
        attempts.append(Attempt(count, after, 100 * (before - after), latency, integer_share(operators)))
        logger.info("%s: %s", path.name, render(attempts[-1:], metric).splitlines()[-1])
        if bounds.allow(attempts[-1]):
            types = find_types({layer.name: layer.madds for layer in layers}, operators, floats=floats)
            return Quantized(metric, before, layers, attempts, types)
    limits = f"max_drop={bounds.drop} max_latency={bounds.latency}"
    raise InputError(f"{path}: {limits} cannot be met; tried:\n{render(attempts, metric)}")


def list_counts(most: int) -> list[int]:
    """Return how many layers are left in float, attempt by attempt: none, 1, 2, 4 ... at most so many."""
    counts = [0]
    while (count := max(1, 2 * counts[-1])) <= most:
        counts.append(count)
    return counts


def check_integer(quantized: Sequence[Layer], operators: Sequence[Operator], *, path: Path) -> None:
    """Check that a file computes in integers what it should.

    Raises:
        InputError: with both numbers of multiply-adds.
    """
    found = sum(operator.madds for operator in operators if "int" in operator.dtype)
    expected = sum(layer.madds for layer in quantized)
    if found < TOLERANCE * expected:
        raise InputError(
            f"{path}: {found / 1e6:.1f} million multiply-adds are in integers, {expected / 1e6:.1f} million expected: "
            "it claims int8 and computes in float"
        )


def render(attempts: Sequence[Attempt], metric: str) -> str:
    """Write attempts as a table."""
    lines = [f"{'layers in float':>15}  {metric:>7}  {'points lost':>11}  {'in integers':>11}  milliseconds"]
    for attempt in attempts:
        latency = "-" if attempt.latency is None else f"{attempt.latency:.1f}"
        numbers = f"{attempt.metric:>7.4f}  {attempt.drop:>11.2f}  {attempt.share:>11.0%}"
        lines.append(f"{attempt.excluded:>15}  {numbers}  {latency:>12}")
    return "\n".join(lines)
