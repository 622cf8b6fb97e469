"""The charts of a run, and of several runs in one."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tasks.curves import HEADLINES, smooth
from tasks.reporting.charts import COLORS, Line, draw_lines
from tasks.reporting.run import HEADLINE, Run

Chart = dict[str, Any]


def draw_training(run: Run) -> list[Chart]:
    """Draw losses, validation metrics and learning rates of one run over its steps; what was not logged is left out."""
    losses = {name: points for name, points in run.series.items() if "loss" in name}
    rates = {name: points for name, points in run.series.items() if name.startswith("lr")}
    charts = [
        draw_lines(
            [
                *(Line("", *losses[name], color=i, faint=True) for i, name in enumerate(losses)),
                *(Line(name, x, smooth(y), color=i) for i, (name, (x, y)) in enumerate(losses.items())),
            ],
            title="Loss",
            xlabel="step",
            note="Faint: as logged, strong: smoothed.",
            may_be_log=True,
        ),
        draw_validation(run),
        draw_lines(
            [Line(name, x, y, color=i) for i, (name, (x, y)) in enumerate(rates.items())],
            title="Learning rate",
            xlabel="step",
        ),
    ]
    return [chart for chart in charts if chart]


def draw_validation(run: Run) -> Chart | None:
    """Draw the headline metrics over the steps, with the best of each marked."""
    lines = []
    for index, name in enumerate(name for name in HEADLINES if f"val/{name}" in run.series):
        x, y = run.series[f"val/{name}"]
        best = int(y.argmax())
        lines.append(Line(f"{name}, best {y[best]:.3f}", x, y, color=index, mark=(float(x[best]), float(y[best]))))
    return draw_lines(lines, title="Validation", xlabel="step", note="Dots: the best evaluation of each metric.")


def draw_thresholds(analysis: dict[str, Any]) -> list[Chart]:
    """Draw precision, recall and F1 of each class over the lowest score that counts; dots: the recommended scores."""
    curves = analysis.get("curves") or {}
    per_class = curves.get("per_class") or {}
    chosen = {name: values.get("threshold") for name, values in (analysis.get("per_class") or {}).items()}
    scores = np.array(curves.get("scores") or [], dtype=float)
    charts = [
        draw_lines(
            [
                threshold_line(name, scores, values.get(measure), color=i, threshold=chosen.get(name))
                for i, (name, values) in enumerate(per_class.items())
            ],
            title=title,
            xlabel="lowest score",
            y_range=(0.0, 1.0),
        )
        for measure, title in (("F1", "F1"), ("precision", "Precision"), ("recall", "Recall"))
    ]
    return [chart for chart in charts if chart]


def threshold_line(name: str, scores: np.ndarray, values: Any, *, color: int, threshold: float | None) -> Line:
    """Return the line of one class, without the scores at which nothing can be measured."""
    y = np.array([np.nan if value is None else value for value in values or []], dtype=float)
    there = np.isfinite(y) if len(y) == len(scores) else np.zeros(0, dtype=bool)
    x, y = (scores[there], y[there]) if there.any() else (np.zeros(0), np.zeros(0))
    mark = None
    if threshold is not None and len(x):
        mark = threshold, float(np.interp(threshold, x, y))
    return Line(name, x, y, color=color % COLORS, mark=mark)


def draw_together(runs: Sequence[Run], names: Sequence[str]) -> list[Chart]:
    """Draw the validation metric and the smoothed training loss of several runs over the steps."""
    charts = []
    for metric in (f"val/{HEADLINE[task]}" for task in dict.fromkeys(run.task for run in runs) if task):
        lines = []
        for index, (run, name) in enumerate(zip(runs, names, strict=True)):
            x, y = run.series.get(metric, (np.zeros(0), np.zeros(0)))
            mark = (float(x[y.argmax()]), float(y.max())) if len(y) else None
            lines.append(Line(name, x, y, color=index % COLORS, mark=mark))
        charts.append(draw_lines(lines, title=metric, xlabel="step", note="Dots: the best evaluation of each run."))
    losses = []
    for index, (run, name) in enumerate(zip(runs, names, strict=True)):
        x, y = run.series.get("train/loss", (np.zeros(0), np.zeros(0)))
        losses.append(Line(name, x, smooth(y), color=index % COLORS))
    charts.append(draw_lines(losses, title="train/loss", xlabel="step", note="Smoothed.", may_be_log=True))
    return [chart for chart in charts if chart]
