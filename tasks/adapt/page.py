"""The report of an adaptation: a page that needs nothing else."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tasks.adapt.log import Log, Proposal
from tasks.report.charts import Line, draw_lines
from tasks.report.page import REPORT, render

TEMPLATE = "adapt.html.j2"


def write_page(out: Path, result: Mapping[str, Any], log: Log, *, title: str, metric: str) -> Path:
    """Write report.html.

    Args:
        out: folder of the adaptation.
        result: as in result.json.
        log: of it.
        title: what was adapted.
        metric: the name of what networks are judged by.
    """
    charts = [chart for chart in (draw_trade(log, metric), draw_prediction(log)) if chart]
    return render(TEMPLATE, out / REPORT, title=title, metric=metric, result=result, log=log, charts=charts)


def list_winners(log: Log) -> list[Proposal]:
    """Return what each step took."""
    return [step.winner for step in log.steps if step.winner is not None]


def draw_trade(log: Log, metric: str) -> dict[str, Any] | None:
    """Draw the metric against the latency: of the winners, and of all proposals behind them."""
    winners, every = list_winners(log), [each for step in log.steps for each in step.proposals]
    taken = [(log.latency, log.metric), *((each.latency, each.metric) for each in winners)]
    tried = sorted((each.latency, each.metric) for each in every)
    lines = [Line("taken", *to_arrays(taken), mark=taken[-1])]
    lines += [Line("", *to_arrays([point]), color=1, mark=point) for point in tried if point not in taken]
    return draw_lines(
        lines,
        title=f"{metric} against latency",
        xlabel="milliseconds, predicted",
        note="after the short training of each step; the points are proposals that were not taken",
    )


def draw_prediction(log: Log) -> dict[str, Any] | None:
    """Draw the measured latency of whole networks against the predicted one; None where nothing was measured."""
    pairs = [(log.latency, log.measured)]
    pairs += [(step.winner.latency, step.measured) for step in log.steps if step.winner is not None]
    known = sorted((predicted, measured) for predicted, measured in pairs if measured is not None)
    if not known:
        return None
    ends = [(known[0][0], known[0][0]), (known[-1][0], known[-1][0])]
    lines = [Line("as predicted", *to_arrays(ends), color=1, faint=True), Line("measured", *to_arrays(known))]
    return draw_lines(
        lines, title="Measured latency of whole networks", xlabel="milliseconds, predicted", note=say_error(log)
    )


def say_error(log: Log) -> str:
    """Say how far predictions were off, the checkpoint's left aside, which they are fitted to."""
    errors = [
        abs(step.winner.latency / step.measured - 1)
        for step in log.steps
        if step.winner is not None and step.measured is not None
    ]
    return f"predictions are at most {100 * max(errors):.1f} % off" if errors else ""


def to_arrays(points: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions and the values of points."""
    xs, ys = zip(*points, strict=True)
    return np.array(xs), np.array(ys)
