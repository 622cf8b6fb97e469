"""Pictures of a segmenter's metrics."""

from pathlib import Path
from typing import Any

from tasks.drawing.figures import ACCENT, INK, literal, new_figure, save_figure, style_axes
from tasks.segmentation.metrics import SegmentationMetrics


def plot_iou(metrics: SegmentationMetrics, path: Path) -> None:
    """Draw the IoU of each class as a bar, best first, and their mean as a line.

    Args:
        metrics: of one evaluation; classes without an IoU stand last, as "absent".
        path: the image file to write.
    """
    title = "Intersection over union by class"
    _plot_by_class(metrics.iou, metrics.summary["mIoU"], path, title=title, xlabel="IoU")


def plot_boundary(analysis: dict[str, Any], path: Path) -> None:
    """Draw the boundary F1 of each class as a bar, best first, and their mean as a line.

    Args:
        analysis: as `tasks.segmentation.analysis.describe_analysis` returns it.
        path: the image file to write.
    """
    values = {name: entry["boundary_F1"] for name, entry in analysis["per_class"].items()}
    tolerance = analysis["boundary"]["tolerance"]
    title = "Outlines by class" + ("" if tolerance is None else f", within {tolerance:.1f} pixels")
    _plot_by_class(values, analysis["boundary"]["F1"], path, title=title, xlabel="boundary F1")


def _plot_by_class(values: dict[str, float | None], mean: float | None, path: Path, *, title: str, xlabel: str) -> None:
    ranked = sorted(values.items(), key=lambda item: -1.0 if item[1] is None else item[1])
    names = [literal(name) for name, _ in ranked]
    figure = new_figure(7, 1.4 + 0.28 * len(ranked))
    axes = figure.subplots()
    bars = axes.barh(range(len(ranked)), [value or 0.0 for _, value in ranked], color=ACCENT, height=0.72)
    labels = ["absent" if value is None else f"{value:.3f}" for _, value in ranked]
    ground = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
    axes.bar_label(bars, labels, padding=5, fontsize=8, color=INK, bbox=ground)
    if mean is not None:
        axes.axvline(mean, color=INK, linestyle="--", linewidth=1.2, label=f"mean  {mean:.3f}")
        axes.legend(loc="lower right", fontsize=9)
    style_axes(axes, title=title, xlabel=xlabel, ylabel="")
    axes.grid(visible=False, axis="y")
    axes.set_yticks(range(len(ranked)), names, fontsize=9)
    axes.set(xlim=(0, 1.08), ylim=(-0.6, len(ranked) - 0.4), xticks=[0, 0.2, 0.4, 0.6, 0.8, 1])
    save_figure(figure, path)
