"""Figures of both tasks: their style, names in them, and the confusion matrix."""

from collections.abc import Sequence
from functools import cache
from io import BytesIO
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text
from matplotlib.ticker import PercentFormatter

from tasks.drawing.fonts import DEJAVU, brief, find_font
from tasks.files import write_bytes

INK, FAINT, ACCENT = "#222222", "#d9d9d9", "#1f5fa8"
DPI = 150
NO_SPACE = "\u200b"  # a space of no width
MOST_WITH_TEXT = 25  # classes; cells of larger matrices are too small to read


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of a size in inches, apart from pyplot's global state."""
    return Figure(figsize=(width, height), dpi=DPI, layout="constrained")


def literal(name: str) -> str:
    """Return a name as matplotlib shows it, letter by letter: `$` begins no formula, `_` hides it from no legend."""
    shown = brief(name).replace("$", r"\$")
    return f"{NO_SPACE}{shown}" if shown.startswith("_") else shown


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure, its texts in fonts that have their letters."""
    for text in figure.findobj(Text):
        fonts = {font for letter in text.get_text() if (font := find_font(letter)) not in (None, DEJAVU)}
        if fonts:
            text.set_fontfamily([*text.get_fontfamily(), *map(_register_font, sorted(fonts))])
    file = BytesIO()
    figure.savefig(file, format=path.suffix.removeprefix("."))
    write_bytes(path, file.getbuffer())


@cache
def _register_font(path: str) -> str:
    """Tell matplotlib of a font, and return the name of its family."""
    fontManager.addfont(path)
    return FT2Font(path).family_name


def style_axes(axes: Axes, *, title: str, xlabel: str, ylabel: str) -> None:
    """Give axes a title, labels, a faint grid and no frame on the top and right."""
    axes.set_title(title, fontsize=11, color=INK, loc="left", fontweight="bold")
    axes.set_xlabel(xlabel, color=INK)
    axes.set_ylabel(ylabel, color=INK)
    axes.grid(color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def plot_confusion_matrix(matrix: np.ndarray, path: Path, *, names: Sequence[str]) -> None:
    """Draw a confusion matrix, coloured by the share of its row.

    Args:
        matrix: (S, S) counts, rows = ground truth, columns = predictions.
        path: the image file to write.
        names: S names; a detector's last one is the background.

    Raises:
        ValueError: if the matrix is not (S, S).
    """
    size = len(names)
    if matrix.shape != (size, size):
        raise ValueError(f"matrix has shape {matrix.shape}; expected {(size, size)} for {size} names")
    totals = matrix.sum(axis=1, keepdims=True)
    shares = np.divide(matrix, totals, out=np.full((size, size), np.nan), where=totals > 0)
    side = float(np.clip(2.6 + 0.42 * size, 4.2, 15))
    figure = new_figure(side + 1.0, side)
    axes = figure.subplots()
    colors = matplotlib.colormaps["Blues"].with_extremes(bad="#f0f0f0")
    image = axes.imshow(shares, cmap=colors, vmin=0, vmax=1)
    if size <= MOST_WITH_TEXT + 1:
        _write_cells(axes, shares, matrix)
    fontsize = 9 if size <= MOST_WITH_TEXT + 1 else 6
    columns = [literal(name) for name in names]
    rows = [f"{name}  ({_short(int(total))})" for name, total in zip(columns, totals[:, 0], strict=True)]
    axes.set_xticks(range(size), columns, rotation=45, ha="right", rotation_mode="anchor", fontsize=fontsize)
    axes.set_yticks(range(size), rows, fontsize=fontsize)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title("Confusion matrix, % of each row", fontsize=11, color=INK, loc="left", fontweight="bold")
    axes.set_xlabel("predicted", color=INK)
    axes.set_ylabel("ground truth (count)", color=INK)
    bar = figure.colorbar(image, ax=axes, shrink=0.7, aspect=30, pad=0.02, format=PercentFormatter(xmax=1))
    bar.outline.set_visible(False)
    save_figure(figure, path)


def _write_cells(axes: Axes, shares: np.ndarray, matrix: np.ndarray) -> None:
    for row, column in zip(*np.nonzero(matrix), strict=True):
        share = shares[row, column]
        color = "white" if share > 0.55 else INK
        text = f"{100 * share:.0f}" if share >= 0.005 else "<1"
        axes.text(column, row, text, ha="center", va="center", color=color, fontsize=8)


def _short(count: int) -> str:
    """Return a count in at most four characters: 950, 12k, 3.4M."""
    value, units = float(count), iter(("", "k", "M", "G", "T"))
    unit = next(units)
    while value >= 999.5:
        value, unit = value / 1000, next(units)
    return f"{value:.1f}{unit}" if unit and value < 9.95 else f"{value:.0f}{unit}"
