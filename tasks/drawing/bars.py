"""A number of each class as bars."""

from collections.abc import Mapping
from pathlib import Path

from tasks.drawing.figures import ACCENT, INK, literal, new_figure, save_figure, style_axes

MOST = 60  # classes; of more the best and the worst are drawn


def plot_bars(
    values: Mapping[str, float | None], path: Path, *, title: str, xlabel: str, mean: float | None = None
) -> None:
    """Draw numbers of 0 to 1 as bars, the best first; of more than 60 the 30 best and the 30 worst.

    Args:
        values: by class; those of None stand last, as "absent".
        path: the image file to write.
        title: of the figure.
        xlabel: what the numbers are.
        mean: of the numbers, drawn as a line.
    """
    ranked = sorted(values.items(), key=lambda item: -1.0 if item[1] is None else item[1])
    if len(ranked) > MOST:
        ranked = ranked[: MOST // 2] + ranked[-MOST // 2 :]
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
    axes.set_yticks(range(len(ranked)), [literal(name) for name, _ in ranked], fontsize=9)
    axes.set(xlim=(0, 1.08), ylim=(-0.6, len(ranked) - 0.4), xticks=[0, 0.2, 0.4, 0.6, 0.8, 1])
    save_figure(figure, path)
