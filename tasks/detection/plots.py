"""Pictures of a detector's metrics."""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes

from tasks.detection.metrics import DetectionMetrics
from tasks.plots import INK, new_figure, style_axes

MOST_NAMED = 10  # classes; more are drawn as one pale bundle around their mean
PALE = "#a9bcd6"


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
    figure.savefig(path)


def _draw_curves(axes: Axes, metrics: DetectionMetrics, *, precision: np.ndarray, title: str) -> None:
    """Draw (R, K) precision; the mean of a curve is its class's AP."""
    drawn = [(name, curve) for name, curve in zip(metrics.per_class, precision.T, strict=True) if curve[0] >= 0]
    named = len(drawn) <= MOST_NAMED
    for index, (name, curve) in enumerate(drawn):
        color = matplotlib.colormaps["tab10"](index) if named else PALE
        label = f"{name}  {curve.mean():.3f}" if named else "one class" if index == 0 else None
        axes.plot(metrics.recall_thresholds, curve, color=color, linewidth=1.4 if named else 0.6, label=label)
    if drawn:
        mean = np.mean([curve for _, curve in drawn], axis=0)
        label = f"mean of {len(drawn)}  {mean.mean():.3f}"
        axes.plot(metrics.recall_thresholds, mean, color=INK, linewidth=2.4, label=label)
        axes.legend(title="average precision", fontsize=8, title_fontsize=8, loc="lower left", framealpha=0.9)
    style_axes(axes, title=title, xlabel="recall", ylabel="precision")
    axes.set(xlim=(0, 1), ylim=(0, 1.02))
