"""Pictures of a detector's metrics."""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes

from tasks.detection.analysis import Analysis
from tasks.detection.metrics import DetectionMetrics
from tasks.drawing.figures import ACCENT, INK, literal, new_figure, save_figure, style_axes
from tasks.score_curves import NAMES

MOST_NAMED = 10  # classes; more are drawn as one pale bundle around their mean
PALE = "#a9bcd6"
SCORES = np.linspace(0, 1, 501)  # that curves over the threshold are drawn at


def plot_precision_recall(metrics: DetectionMetrics, path: Path) -> None:
    """Draw precision over recall of each class and their mean: at IoU .50, and averaged over IoU .50 to .95.

    Args:
        metrics: of one evaluation; classes without boxes are not drawn.
        path: the image file to write.
    """
    figure = new_figure(11, 4.8)
    left, right = figure.subplots(1, 2)
    _draw_curves(left, metrics, precision=metrics.precision[0], title="Precision at IoU 0.50")
    _draw_curves(
        right, metrics, precision=metrics.precision.mean(axis=0), title="Precision, mean over IoU 0.50 to 0.95"
    )
    save_figure(figure, path)


def _draw_curves(axes: Axes, metrics: DetectionMetrics, *, precision: np.ndarray, title: str) -> None:
    """Draw (R, K) precision; the mean of a curve is its class's AP."""
    drawn = [(name, curve) for name, curve in zip(metrics.per_class, precision.T, strict=True) if curve[0] >= 0]
    named = len(drawn) <= MOST_NAMED
    for index, (name, curve) in enumerate(drawn):
        color = matplotlib.colormaps["tab10"](index) if named else PALE
        label = f"{literal(name)}  {curve.mean():.3f}" if named else "one class" if index == 0 else None
        axes.plot(metrics.recall_thresholds, curve, color=color, linewidth=1.4 if named else 0.6, label=label)
    if drawn:
        mean = np.mean([curve for _, curve in drawn], axis=0)
        label = f"mean of {len(drawn)}  {mean.mean():.3f}"
        axes.plot(metrics.recall_thresholds, mean, color=INK, linewidth=2.4, label=label)
        axes.legend(title="average precision", fontsize=8, title_fontsize=8, loc="lower left", framealpha=0.9)
    style_axes(axes, title=title, xlabel="recall", ylabel="precision")
    axes.set(xlim=(0, 1), ylim=(0, 1.02))


def plot_thresholds(analysis: Analysis, path: Path) -> None:
    """Draw precision, recall and F1 of each class over the score threshold, with a dot at the chosen one.

    Args:
        analysis: of one evaluation; classes without boxes are not drawn.
        path: the image file to write.
    """
    rows = zip(analysis.matches.names, analysis.curves, analysis.thresholds, strict=True)
    drawn = [row for row in rows if row[1].objects]
    named = len(drawn) <= MOST_NAMED
    figure = new_figure(14, 4.6)
    for axes, part, title in zip(figure.subplots(1, 3), (2, 0, 1), ("F1", "Precision", "Recall"), strict=True):
        for index, (name, curve, threshold) in enumerate(drawn):
            color = matplotlib.colormaps["tab10"](index) if named else PALE
            label = f"{literal(name)}  {threshold:.2f}" if named else "one class" if index == 0 else None
            axes.plot(SCORES, curve.measure(SCORES)[part], color=color, linewidth=1.4 if named else 0.6, label=label)
            axes.plot(threshold, curve.measure(np.array([threshold]))[part], ".", color=color, markersize=9)
        if len(drawn) > 1:
            curves = np.ma.masked_invalid([curve.measure(SCORES)[part] for _, curve, _ in drawn])
            axes.plot(SCORES, curves.mean(axis=0), color=INK, linewidth=2.4, label=f"mean of {len(drawn)}")
        style_axes(axes, title=title, xlabel="score threshold", ylabel="")
        axes.set(xlim=(0, 1), ylim=(0, 1.02))
        if drawn and part == NAMES.index("F1"):
            axes.legend(title="threshold chosen (dot)", fontsize=8, title_fontsize=8, framealpha=0.9)
    save_figure(figure, path)


def plot_errors(analysis: Analysis, path: Path) -> None:
    """Draw what each kind of error costs in AP50, and how many a user sees above the thresholds.

    Args:
        analysis: of one evaluation.
        path: the image file to write.
    """
    figure = new_figure(11, 3.4)
    left, right = figure.subplots(1, 2)
    gains = {kind: 100 * (gain or 0.0) for kind, gain in analysis.gains.items()}
    _draw_bars(left, gains, form="%.1f", title="AP50 to gain by fixing one kind", xlabel="points of AP50")
    counts = {kind: float(count) for kind, count in analysis.errors.count().items()}
    _draw_bars(right, counts, form="%d", title="Errors above the thresholds", xlabel="count")
    save_figure(figure, path)


def _draw_bars(axes: Axes, values: dict[str, float], *, form: str, title: str, xlabel: str) -> None:
    bars = axes.barh(range(len(values)), list(values.values()), color=ACCENT, height=0.72)
    axes.bar_label(bars, fmt=form, padding=4, fontsize=9, color=INK)
    style_axes(axes, title=title, xlabel=xlabel, ylabel="")
    axes.grid(visible=False, axis="y")
    axes.set_yticks(range(len(values)), list(values), fontsize=9)
    axes.set_xlim(0, 1.15 * max(*values.values(), 1e-9))
    axes.invert_yaxis()
