"""Figures of a data set: how often each class is there, and how large its boxes are."""

from pathlib import Path

import numpy as np
from matplotlib.ticker import FuncFormatter

from data.classes import ClassTable
from tasks.drawing.figures import ACCENT, INK, literal, new_figure, save_figure, style_axes
from tasks.examination.counts import Counts

SECOND = "#e39a3b"  # bars of the second split
PALE = "#b9b9b9"
MOST_NAMED = 100  # classes: more names cannot be read
MOST_COLORED = 10  # classes: more colours cannot be told apart
LONG_SCALE = 50.0  # most to least, from which the axis is logarithmic
MOST_DOTS = 20_000
LEAST_DRAWN = 0.5  # pixels: a smaller side is drawn there


def plot_classes(counts: dict[str, Counts], classes: ClassTable, path: Path) -> None:
    """Draw how often each class is there, the most frequent on top, one bar a split.

    Args:
        counts: of each split.
        classes: the K classes.
        path: the image file to write.
    """
    first, *_ = counts.values()
    order = np.argsort(-first.amounts, kind="stable")
    step = 0.30 if len(order) <= 40 else 0.2
    figure = new_figure(8.5, float(np.clip(1.5 + step * len(order), 2.6, 22)))
    axes = figure.subplots()
    thickness = 0.8 / len(counts)
    for index, (split, count) in enumerate(counts.items()):
        color = (ACCENT, SECOND, PALE)[min(index, 2)]
        places = np.arange(len(order)) + (index - (len(counts) - 1) / 2) * thickness
        label = f"{split}: {count.amounts.sum():,} {count.unit} on {count.total:,} images"
        bars = axes.barh(places, count.amounts[order], height=thickness * 0.92, color=color, label=label)
        if len(order) <= 40:
            shares = [
                f"{share:.1%}" if n else "none"
                for n, share in zip(count.amounts[order], count.shares[order], strict=True)
            ]
            axes.bar_label(bars, shares, padding=3, fontsize=7, color=INK)
    style_axes(axes, title="How often each class occurs", xlabel=first.unit, ylabel="")
    present = np.concatenate([count.amounts[count.amounts > 0] for count in counts.values()])
    if len(present) and present.max() >= LONG_SCALE * present.min():
        axes.set_xscale("log")
        axes.set_xlim(left=max(0.5, present.min() / 2))
    axes.margins(x=0.12, y=0.01)
    axes.grid(visible=False, axis="y")
    names = [literal(classes.names[index]) for index in order] if len(order) <= MOST_NAMED else []
    axes.set_yticks(range(len(names)), names, fontsize=9 if len(order) <= 40 else 7)
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.legend(loc="lower right", fontsize=8, framealpha=0.95)
    save_figure(figure, path)
