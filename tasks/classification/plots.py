"""Pictures of a classifier's metrics."""

from pathlib import Path

from tasks.classification.calibration import BINS, Calibration
from tasks.classification.metrics import ClassificationMetrics
from tasks.drawing.figures import ACCENT, FAINT, INK, literal, new_figure, save_figure, style_axes

MOST_BARS = 60  # classes; of more the best and the worst are drawn


def plot_classes(metrics: ClassificationMetrics, path: Path) -> None:
    """Draw the F1 of each class as a bar, best first; of more than 60 the 30 best and the 30 worst.

    Args:
        metrics: of one evaluation; classes without an F1 stand last, as "absent".
        path: the image file to write.
    """
    ranked = sorted(metrics.per_class.items(), key=lambda item: -1.0 if item[1] is None else item[1])
    if len(ranked) > MOST_BARS:
        ranked = ranked[: MOST_BARS // 2] + ranked[-MOST_BARS // 2 :]
    figure = new_figure(7, 1.4 + 0.28 * len(ranked))
    axes = figure.subplots()
    bars = axes.barh(range(len(ranked)), [value or 0.0 for _, value in ranked], color=ACCENT, height=0.72)
    labels = ["absent" if value is None else f"{value:.3f}" for _, value in ranked]
    ground = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
    axes.bar_label(bars, labels, padding=5, fontsize=8, color=INK, bbox=ground)
    style_axes(axes, title="F1 by class", xlabel="F1", ylabel="")
    axes.grid(visible=False, axis="y")
    axes.set_yticks(range(len(ranked)), [literal(name) for name, _ in ranked], fontsize=9)
    axes.set(xlim=(0, 1.08), ylim=(-0.6, len(ranked) - 0.4), xticks=[0, 0.2, 0.4, 0.6, 0.8, 1])
    save_figure(figure, path)


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
