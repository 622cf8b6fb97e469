"""How large the boxes of a data set are, beside the anchors."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from data.classes import ClassTable
from tasks.detection.box_table import TINY
from tasks.drawing.figures import ACCENT, INK, literal, new_figure, save_figure, style_axes

MOST_COLORED = 10  # classes: more colours cannot be told apart
MOST_DOTS = 20_000
LEAST_DRAWN = 0.5  # pixels: a smaller side is drawn there


def plot_box_sizes(
    sides: dict[str, np.ndarray], labels: dict[str, np.ndarray], *, classes: ClassTable, anchors: np.ndarray, path: Path
) -> None:
    """Draw the width and height of boxes at the network's input, and the anchors among them.

    Args:
        sides: (M, 2) width and height in pixels of the boxes of each split.
        labels: (M,) class indices of the boxes of each split.
        classes: the K classes.
        anchors: (S, 2) width and height in pixels.
        path: the image file to write.
    """
    figure = new_figure(0.6 + 5.6 * len(sides), 5.8)
    everything = np.concatenate([*sides.values(), anchors]).clip(LEAST_DRAWN)
    low, high = 0.8 * everything.min(), 1.25 * everything.max()
    for axes, split in zip(np.atleast_1d(figure.subplots(1, len(sides), sharey=True)), sides, strict=True):
        axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high), aspect="equal")
        _draw_boxes(axes, sides[split].clip(LEAST_DRAWN), labels[split], classes.names)
        axes.scatter(
            anchors[:, 0], anchors[:, 1], label="anchors", zorder=3, marker="x", s=34, linewidths=1.4, color=INK
        )
        if low < TINY:
            axes.plot([TINY, TINY, high], [high, TINY, TINY], color=INK, linewidth=0.9, linestyle=":")
            axes.text(high, TINY, f"tiny: under {TINY:g} ", fontsize=8, color=INK, va="top", ha="right")
        title = f"Boxes of {split}, as the network sees them"
        style_axes(axes, title=title, xlabel="width in pixels", ylabel="height in pixels")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axis.set_minor_formatter(NullFormatter())
        legend = axes.legend(loc="upper left", fontsize=8, framealpha=0.95)
        for handle in legend.legend_handles[:-1]:
            handle.set(sizes=[30], alpha=1.0)
    save_figure(figure, path)


def _draw_boxes(axes: Axes, sides: np.ndarray, labels: np.ndarray, names: Sequence[str]) -> None:
    """Draw a dot for each box (M, 2), evenly chosen ones of very many; in colours where there are few classes."""
    every = -(-len(sides) // MOST_DOTS) or 1
    sides, labels = sides[::every], labels[::every]
    size = float(np.clip(6000 / max(1, len(sides)), 3, 14))
    if len(names) > MOST_COLORED:
        alpha = float(np.clip(500 / max(1, len(sides)), 0.15, 0.6))
        axes.scatter(sides[:, 0], sides[:, 1], s=size, color=ACCENT, alpha=alpha, linewidths=0, label="boxes")
        return
    for index in np.argsort(-np.bincount(labels, minlength=len(names)), kind="stable"):  # rare ones on top
        own = sides[labels == index]
        color, label = matplotlib.colormaps["tab10"](int(index)), f"{literal(names[index])} ({len(own):,})"
        axes.scatter(own[:, 0], own[:, 1], s=size, color=color, alpha=0.45, linewidths=0, label=label)
