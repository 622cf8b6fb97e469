"""Pictures of a segmenter's metrics."""

from pathlib import Path
from typing import Any

from tasks.drawing.bars import plot_bars
from tasks.segmentation.metrics import SegmentationMetrics


def plot_iou(metrics: SegmentationMetrics, path: Path) -> None:
    """Draw the IoU of each class as a bar, best first, and their mean as a line.

    Args:
        metrics: of one evaluation; classes without an IoU stand last, as "absent".
        path: the image file to write.
    """
    title = "Intersection over union by class"
    plot_bars(metrics.iou, path, title=title, xlabel="IoU", mean=metrics.summary["mIoU"])


def plot_boundary(analysis: dict[str, Any], path: Path) -> None:
    """Draw the boundary F1 of each class as a bar, best first, and their mean as a line.

    Args:
        analysis: as `tasks.segmentation.analysis.describe_analysis` returns it.
        path: the image file to write.
    """
    values = {name: entry["boundary_F1"] for name, entry in analysis["per_class"].items()}
    tolerance = analysis["boundary"]["tolerance"]
    title = "Outlines by class" + ("" if tolerance is None else f", within {tolerance:.1f} pixels")
    plot_bars(values, path, title=title, xlabel="boundary F1", mean=analysis["boundary"]["F1"])
