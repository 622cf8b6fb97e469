"""The parity report for people: a table for the log, and a page that needs nothing else."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tasks.export.parity import Parity, Stage
from tasks.export.verdicts import Decibels, Ratio
from tasks.report.charts import Line, draw_lines
from tasks.report.numbers import NONE
from tasks.report.page import render

TEMPLATE = "parity.html.j2"
# At which no difference at all is drawn: past the rounding of float32.
LEAST, NEAREST = 1e-9, 150.0  # share of the largest value, decibels
COLUMNS = ("stage", "largest", "typical", "largest, half a level", "typical, half a level", "dB", "verdict")


class Row(NamedTuple):
    """A stage as text; differences are shares of its largest value."""

    name: str
    largest: str
    typical: str
    shift_largest: str
    shift_typical: str
    decibels: str
    verdict: str


def list_row(stage: Stage) -> Row:
    """Return a stage as text."""
    own, shift = stage.own, stage.shift
    return Row(
        name_stage(stage.name),
        write_share(own.relative(own.largest)),
        write_share(own.relative(own.typical)),
        write_share(shift.relative(shift.largest)),
        write_share(shift.relative(shift.typical)),
        write_decibels(own.decibels),
        say(stage),
    )


def name_stage(name: str) -> str:
    """Return the name of a stage for people."""
    return name.replace("_", " ")


def say(stage: Stage) -> str:
    """Return the verdict on a stage, and that it failed where the verdict does not say it."""
    judgement = stage.judgement
    fails = not judgement.passed and judgement.verdict != "different"
    return f"{judgement.verdict}, over the limit" if fails else judgement.verdict


def write_share(value: float) -> str:
    """Return a small number: 3.7e-07, or 0."""
    return f"{value:.1e}" if value else "0"


def write_decibels(value: float) -> str:
    """Return a ratio: 61.2; a dash where nothing differs."""
    return NONE if value == math.inf else f"{value:.1f}"


def conclude(parity: Parity) -> str:
    """Return the outcome in a sentence."""
    if parity.first is None:
        return "every stage is as it should be"
    return f"{name_stage(parity.first.name)} is the first stage that diverges"


def write_table(parity: Parity) -> str:
    """Return the stages as lines of text, the outcome last."""
    rows = [COLUMNS, *map(list_row, parity.stages)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for name, *numbers, verdict in rows:
        cells = [cell.rjust(width) for cell, width in zip(numbers, widths[1:-1], strict=True)]
        lines.append("  ".join([name.ljust(widths[0]), *cells, verdict]))
    return "\n".join([*lines, f"parity on {parity.images} images: {conclude(parity)}"])


def draw_charts(parity: Parity) -> list[dict[str, Any] | None]:
    """Draw the largest difference and the ratio of signal to noise of the stages, and their limits."""
    sides = {
        "file": [stage.own for stage in parity.stages],
        "half a grey level": [stage.shift for stage in parity.stages],
    }
    limits = [stage.judgement.limit for stage in parity.stages]
    most = [limit.most if isinstance(limit, Ratio) else math.nan for limit in limits]
    least = [limit.least if isinstance(limit, Decibels) else math.nan for limit in limits]
    largest = {name: [own.relative(own.largest) for own in side] for name, side in sides.items()} | {"limit": most}
    decibels = {name: [own.decibels for own in side] for name, side in sides.items()} | {"limit": least}
    powers = {name: np.log10(np.clip(values, LEAST, 1)) for name, values in largest.items()}
    ratios = {name: np.clip(values, 0, NEAREST) for name, values in decibels.items()}
    return [
        draw_stages(powers, title="Largest difference", note="Powers of ten: lower is nearer."),
        draw_stages(ratios, title="Signal to noise", note="Decibels: higher is nearer."),
    ]


def draw_stages(drawn: Mapping[str, np.ndarray], *, title: str, note: str) -> dict[str, Any] | None:
    """Draw numbers of the stages; NaN for those that have none."""
    lines = []
    for index, (name, values) in enumerate(drawn.items()):
        known = ~np.isnan(values)
        lines.append(Line(name, 1 + np.flatnonzero(known), values[known], color=index))
    return draw_lines(lines, title=title, xlabel="stage", note=note)


def write_parity_page(parity: Parity, path: Path, *, title: str) -> Path:
    """Write the report as one page; `title` names the file that was compared.

    Returns:
        Its path.
    """
    return render(
        TEMPLATE,
        path,
        parity=parity,
        title=title,
        outcome=conclude(parity),
        passing=sum(stage.judgement.passed for stage in parity.stages),
        columns=COLUMNS,
        rows=[(list_row(stage), stage) for stage in parity.stages],
        charts=draw_charts(parity),
    )
