"""Training curves from the metrics.csv that Lightning's CSVLogger writes."""

import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes

from data.bounded.csv_rows import read_rows
from tasks.drawing.figures import new_figure, save_figure, style_axes

Series = dict[str, tuple[np.ndarray, np.ndarray]]  # column name -> steps, values
HEADLINES = ("mAP", "AP50", "AP75", "mIoU", "mIoU_category", "pixel_accuracy")  # the metrics that are drawn
LARGEST = 1e30  # numbers beyond it, and NaN, are not drawn
SMOOTHING = 30  # a series is smoothed over this part of its points: 1 / 30


def plot_curves(csv_paths: Sequence[Path], path: Path) -> None:
    """Draw losses (raw and smoothed), learning rates and validation metrics over the optimiser's steps.

    The columns say what they are: `lr...`, `val/` and one of HEADLINES, and any with "loss" in it. A panel without data
    is left out.

    Args:
        csv_paths: CSVLogger's metrics.csv, one for each start of the run; each has a `step` column, and a field
            is empty where a row does not log its column.
        path: the image file to write.

    Raises:
        ValueError: if no column holds anything to draw.
    """
    series = read_series(csv_paths)
    losses = {name: points for name, points in series.items() if "loss" in name}
    rates = {name: points for name, points in series.items() if name.startswith("lr")}
    metrics = {name: series[f"val/{name}"] for name in HEADLINES if f"val/{name}" in series}
    panels = [(draw, part) for draw, part in ((_losses, losses), (_metrics, metrics), (_rates, rates)) if part]
    if not panels:
        raise ValueError(
            f"{[str(p) for p in csv_paths]}: no loss, learning rate or validation metric among columns {sorted(series)}"
        )
    figure = new_figure(5.2 * len(panels), 4)
    for axes, (draw, part) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        draw(axes, part)
        axes.legend(fontsize=8, framealpha=0.9)
    save_figure(figure, path)


def read_number(text: str | None) -> float:
    """Return a field of a CSV file as a number; NaN where there is none, as in a row that was cut off."""
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan


def read_series(csv_paths: Sequence[Path]) -> Series:
    """Return every column's finite numbers and their steps; columns without any are left out.

    Of a step that was done again, after a run was cut off and resumed, it is the last number.
    """
    points: dict[str, dict[float, float]] = {}
    for csv_path in csv_paths:
        for row in read_rows(csv_path):
            for name in row.keys() - {"step", "epoch"}:
                step, value = read_number(row.get("step")), read_number(row[name])
                if abs(step) < LARGEST and abs(value) < LARGEST:
                    points.setdefault(name, {})[step] = value
    return {name: (np.array(list(pairs)), np.array(list(pairs.values()))) for name, pairs in points.items()}


def smooth(values: np.ndarray) -> np.ndarray:
    """Return the running mean of (P,) values, weighted towards the latest, with no lag at the start."""
    keep = 1 - 1 / max(1.0, len(values) / SMOOTHING)
    smoothed, total, weight = np.empty(len(values)), 0.0, 0.0
    for index, value in enumerate(values):
        total, weight = keep * total + value, keep * weight + 1
        smoothed[index] = total / weight
    return smoothed


def _losses(axes: Axes, series: Series) -> None:
    for color, (name, (steps, values)) in zip(_colors(len(series)), series.items(), strict=True):
        axes.plot(steps, values, color=color, linewidth=0.7, alpha=0.25)
        axes.plot(steps, smooth(values), color=color, linewidth=1.8, label=name)
    style_axes(axes, title="Loss", xlabel="step", ylabel="loss (faint: raw, strong: smoothed)")
    smoothed = np.concatenate([smooth(values) for _, values in series.values()])
    low, high = float(smoothed.min()), float(smoothed.max())
    if low > 0 and high > 20 * low:
        axes.set(yscale="log", ylim=(low / 2, high * 2))  # one raw value near 0 would squeeze the rest
    elif low > 0:
        axes.set_ylim(bottom=0)


def _metrics(axes: Axes, series: Series) -> None:
    for color, (name, (steps, values)) in zip(_colors(len(series)), series.items(), strict=True):
        label = f"{name}  best {values.max():.3f}"
        axes.plot(steps, values, color=color, linewidth=1.8, marker="o", markersize=3, label=label)
    style_axes(axes, title="Validation", xlabel="step", ylabel="metric (0 to 1)")
    axes.set_ylim(bottom=0)


def _rates(axes: Axes, series: Series) -> None:
    for color, (name, (steps, values)) in zip(_colors(len(series)), series.items(), strict=True):
        axes.plot(steps, values, color=color, linewidth=1.8, label=name)
    style_axes(axes, title="Learning rate", xlabel="step", ylabel="learning rate")
    axes.set_ylim(bottom=0)


def _colors(count: int) -> list[tuple[float, ...]]:
    return [matplotlib.colormaps["tab10"](index % 10) for index in range(count)]
