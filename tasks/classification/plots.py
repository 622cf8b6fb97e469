"""Pictures of a classifier's metrics."""

from pathlib import Path

from tasks.classification.calibration import BINS, Calibration
from tasks.classification.metrics import ClassificationMetrics
from tasks.drawing.bars import plot_bars
from tasks.drawing.figures import ACCENT, FAINT, INK, new_figure, save_figure, style_axes


def plot_classes(metrics: ClassificationMetrics, path: Path) -> None:
    """Draw the F1 of each class as a bar.

    Args:
        metrics: of one evaluation.
        path: the image file to write.
    """
    plot_bars(metrics.per_class, path, title="F1 by class", xlabel="F1")


def plot_calibration(calibration: Calibration, path: Path) -> None:
    """Draw the share that is right over the score, beside the diagonal, on which both agree."""
    figure = new_figure(5, 4.6)
    axes = figure.subplots()
    filled = calibration.counts > 0
    centers = [(index + 0.5) / BINS for index in range(BINS)]
    weights = calibration.counts / max(1, calibration.counts.sum())
    axes.bar(centers, weights, width=0.9 / BINS, color=FAINT, label="share of the predictions")
    axes.plot([0, 1], [0, 1], color=INK, linestyle="--", linewidth=1)
    axes.plot(
        calibration.scores[filled], calibration.right[filled], marker="o", color=ACCENT, label="share that is right"
    )
    error = "-" if calibration.error is None else f"{calibration.error:.3f}"
    style_axes(axes, title=f"Calibration: error {error}", xlabel="score", ylabel="")
    axes.legend(loc="upper left", fontsize=9)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    save_figure(figure, path)
