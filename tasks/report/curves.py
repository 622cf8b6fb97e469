"""The charts of a run, and of several runs in one."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tasks.drawing.curves import HEADLINES, smooth
from tasks.report.charts import COLORS, Line, draw_lines
from tasks.runs.reading import Run

Chart = dict[str, Any]


def draw_training(run: Run) -> list[Chart]:
    """Draw losses, validation metrics and learning rates of one run over its steps; what was not logged is left out."""
    losses = {name: points for name, points in run.series.items() if "loss" in name}
    rates = {name: points for name, points in run.series.items() if name.startswith("lr")}
    steps = find_steps([run])
    charts = [
        draw_lines(
            [
                *(Line("", *losses[name], color=i, faint=True) for i, name in enumerate(losses)),
                *(Line(name, x, smooth(y), color=i) for i, (name, (x, y)) in enumerate(losses.items())),
            ],
            title="Loss",
            xlabel="step",
            note="Faint: as logged, strong: smoothed.",
            x_range=steps,
            may_be_log=True,
        ),
        draw_validation(run, steps),
        draw_lines(
            [Line(name, x, y, color=i) for i, (name, (x, y)) in enumerate(rates.items())],
            title="Learning rate",
            xlabel="step",
            x_range=steps,
        ),
    ]
    return [chart for chart in charts if chart]


def find_steps(runs: Sequence[Run]) -> tuple[float, float] | None:
    """Return the range of steps that all charts of these runs show; None where nothing was logged."""
    ends = [float(x[-1]) for run in runs for x, _ in run.series.values()]
    return (0.0, max(ends)) if ends else None


def draw_validation(run: Run, steps: tuple[float, float] | None) -> Chart | None:
    """Draw the headline metrics over the steps, with the best of each marked."""
    lines = []
    for index, name in enumerate(name for name in HEADLINES if f"val/{name}" in run.series):
        x, y = run.series[f"val/{name}"]
        best = int(y.argmax())
        lines.append(Line(f"{name}, best {y[best]:.3f}", x, y, color=index, mark=(float(x[best]), float(y[best]))))
    return draw_lines(lines, title="Validation", xlabel="step", note="Dots: the best of each.", x_range=steps)


def draw_thresholds(analysis: dict[str, Any]) -> list[Chart]:
    """Draw precision, recall and F1 of each class over the lowest score that counts; dots: the recommended scores."""
    curves = analysis.get("curves") or {}
    per_class = curves.get("per_class") or {}
    chosen = {name: values.get("threshold") for name, values in (analysis.get("per_class") or {}).items()}
    scores = np.array(curves.get("scores") or [], dtype=float)
    charts = [
        draw_lines(
            bundle(
                [
                    threshold_line(name, scores, values.get(measure), color=i, threshold=chosen.get(name))
                    for i, (name, values) in enumerate(per_class.items())
                ],
                scores,
            ),
            title=title,
            xlabel="lowest score",
            x_range=(0.0, 1.0),
            y_range=(0.0, 1.0),
        )
        for measure, title in (("F1", "F1"), ("precision", "Precision"), ("recall", "Recall"))
    ]
    return [chart for chart in charts if chart]


def threshold_line(
    name: str, scores: np.ndarray, values: list[float | None] | None, *, color: int, threshold: float | None
) -> Line:
    """Return the line of one class, without the scores at which nothing can be measured."""
    y = np.array([np.nan if value is None else value for value in values or []], dtype=float)
    there = np.isfinite(y) if len(y) == len(scores) else np.zeros(0, dtype=bool)
    x, y = (scores[there], y[there]) if there.any() else (np.zeros(0), np.zeros(0))
    mark = None
    if threshold is not None and len(x):
        mark = threshold, float(np.interp(threshold, x, y))
    return Line(name, x, y, color=color % COLORS, mark=mark)


def bundle(lines: list[Line], scores: np.ndarray) -> list[Line]:
    """Return the lines as they are; more than there are colours for as pale ones around their mean."""
    lines = [line for line in lines if len(line.x)]
    if len(lines) <= COLORS:
        return lines
    mean = np.mean([np.interp(scores, line.x, line.y) for line in lines], axis=0)
    pale = [Line("", line.x, line.y, color=COLORS - 1, faint=True) for line in lines]
    return [*pale, Line(f"mean of {len(lines)} classes", scores, mean)]


def draw_together(runs: Sequence[Run], names: Sequence[str]) -> list[Chart]:
    """Draw the validation metric and the smoothed training loss of several runs over the steps."""
    charts, steps = [], find_steps(runs)
    for metric in (f"val/{name}" for name in dict.fromkeys(run.metric for run in runs) if name):
        lines = []
        for index, (run, name) in enumerate(zip(runs, names, strict=True)):
            x, y = run.series.get(metric, (np.zeros(0), np.zeros(0)))
            mark = (float(x[y.argmax()]), float(y.max())) if len(y) else None
            lines.append(Line(name, x, y, color=index % COLORS, mark=mark))
        charts.append(draw_lines(lines, title=metric, xlabel="step", note="Dots: the best of each.", x_range=steps))
    losses = []
    for index, (run, name) in enumerate(zip(runs, names, strict=True)):
        x, y = run.series.get("train/loss", (np.zeros(0), np.zeros(0)))
        losses.append(Line(name, x, smooth(y), color=index % COLORS))
    charts.append(
        draw_lines(losses, title="train/loss", xlabel="step", note="Smoothed.", x_range=steps, may_be_log=True)
    )
    return [chart for chart in charts if chart]
