"""Line charts as numbers that a template turns into inline SVG; colours come from the page's style."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

WIDTH, HEIGHT = 360, 230  # of the drawing, in its own units
LEFT, RIGHT, TOP, BOTTOM = 44, 10, 10, 36  # margins
MOST_POINTS = 300  # of a line; more are averaged in groups
TICKS = 5  # of an axis, about
COLORS = 8  # series that have a colour of their own
LOG_FROM = 20  # largest / smallest value from which an axis is logarithmic


@dataclass(frozen=True)
class Line:
    """A series of a chart.

    Attributes:
        name: in the legend; empty for none.
        x: (P,) positions.
        y: (P,) values.
        color: index of its colour.
        faint: whether it stands behind the others.
        mark: (x, y) of a point that stands out.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    color: int = 0
    faint: bool = False
    mark: tuple[float, float] | None = None


@dataclass(frozen=True)
class Axis:
    """From values to places: `ticks` holds (place, text)."""

    place: Callable[[float], float]
    ticks: list[tuple[float, str]]


def draw_lines(
    lines: Sequence[Line],
    *,
    title: str,
    xlabel: str,
    note: str = "",
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    may_be_log: bool = False,
) -> dict[str, Any] | None:
    """Lay out a line chart.

    Args:
        lines: in the order of drawing; those without points are left out.
        title: above the chart.
        xlabel: below it.
        note: one sentence under the title.
        x_range: first and last position shown; None: of the lines.
        y_range: lowest and highest value shown; None: from 0 or the lowest value to the highest.
        may_be_log: whether values that differ much are shown on a logarithmic axis.

    Returns:
        What the template draws; None where no line has points.
    """
    lines = [line for line in lines if len(line.x)]
    if not lines:
        return None
    strong = [line for line in lines if not line.faint] or lines
    values = np.concatenate([line.y for line in strong])
    xs = np.concatenate([line.x for line in lines])
    low, high = y_range or (min(0.0, float(values.min())), float(values.max()))
    log = may_be_log and values.min() > 0 and values.max() > LOG_FROM * values.min()
    if log:
        low, high = float(values.min()) / 1.3, float(values.max()) * 1.3
    x_axis = linear_axis(*(x_range or (float(xs.min()), float(xs.max()))), LEFT, WIDTH - RIGHT)
    if y_range is None and not log:
        low, high = widen(low, high)
    y_axis = (log_axis if log else linear_axis)(low, high, HEIGHT - BOTTOM, TOP)
    return {
        "title": title,
        "xlabel": xlabel,
        "note": note,
        "size": (WIDTH, HEIGHT),
        "frame": (LEFT, TOP, WIDTH - RIGHT, HEIGHT - BOTTOM),
        "x_ticks": x_axis.ticks,
        "y_ticks": y_axis.ticks,
        "lines": [place_line(line, x_axis, y_axis) for line in lines],
        "legend": [(line.name, line.color) for line in lines if line.name],
    }


def place_line(line: Line, x_axis: Axis, y_axis: Axis) -> dict[str, Any]:
    """Return the path of a line and its mark in the units of the drawing."""
    points = zip(thin(line.x).tolist(), thin(line.y).tolist(), strict=True)
    path = " ".join(f"{x_axis.place(x):.1f},{clip(y_axis.place(y)):.1f}" for x, y in points)
    mark = None if line.mark is None else (x_axis.place(line.mark[0]), clip(y_axis.place(line.mark[1])))
    single = None if len(line.x) > 1 else (x_axis.place(float(line.x[0])), clip(y_axis.place(float(line.y[0]))))
    return {"path": path, "color": line.color, "faint": line.faint, "mark": mark or single, "name": line.name}


def clip(place: float) -> float:
    """Keep a height inside the frame."""
    return min(max(place, TOP), HEIGHT - BOTTOM)


def thin(values: np.ndarray) -> np.ndarray:
    """Return at most `MOST_POINTS` values of (P,): means of neighbours, the last one kept."""
    if len(values) <= MOST_POINTS:
        return values
    return np.array([*(part.mean() for part in np.array_split(values[:-1], MOST_POINTS - 1)), values[-1]])


def widen(low: float, high: float) -> tuple[float, float]:
    """Return the range up to the round ticks around it."""
    step = round_step((high - low or abs(low) or 1.0) / TICKS)
    return step * math.floor(low / step + 1e-9), step * math.ceil(high / step - 1e-9)


def linear_axis(low: float, high: float, start: float, stop: float) -> Axis:
    """Place `low` to `high` between `start` and `stop`, with about `TICKS` round ticks."""
    if high <= low:
        high = low + (abs(low) or 1.0)
    step = round_step((high - low) / TICKS)
    decimals = max(0, -math.floor(math.log10(step)))

    def place(value: float) -> float:
        return start + (stop - start) * (value - low) / (high - low)

    ticks = [index * step for index in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]
    return Axis(place, [(place(tick), name_tick(tick, decimals)) for tick in ticks])


def log_axis(low: float, high: float, start: float, stop: float) -> Axis:
    """Place `low` to `high`, both above 0, between `start` and `stop` by their logarithms."""

    def place(value: float) -> float:
        share = math.log(max(value, low) / low) / math.log(high / low)
        return start + (stop - start) * share

    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [factor * 10.0**power for power in powers for factor in (1, 2, 5) if low <= factor * 10.0**power <= high]
    return Axis(place, [(place(tick), f"{tick:g}") for tick in ticks])


def round_step(step: float) -> float:
    """Return the next of 1, 2, 5, 10, 20 ... that is not below `step`."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * (1 - 1e-9))


def name_tick(value: float, decimals: int) -> str:
    """Return a short name: 0.25, 300, 12k."""
    if abs(value) >= 10_000 and value % 1000 == 0:
        return f"{value / 1000:.0f}k"
    return f"{value:.{decimals}f}"
