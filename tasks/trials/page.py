"""The page of a search: importance of the parameters, the best runs with their commands, what failed."""

from collections.abc import Mapping, Sequence

import numpy as np

from tasks.files import write_json
from tasks.report.charts import COLORS, Line, draw_lines
from tasks.report.curves import Chart
from tasks.report.page import REPORT, render
from tasks.trials.outcome import Outcome, Record

RESULTS = "trials.json"  # beside the page
STRONG = 6  # trials, the best, whose curves have colours
SHOWN = 20  # of the best, with their commands
NONE: Mapping[str, Mapping[int, float]] = {}
PALE = COLORS - 1  # the colour of what is not among them


def write_outcome(
    outcome: Outcome,
    *,
    title: str,
    judged: str,
    charts: Sequence[Chart | None] = (),
    numbers: Mapping[str, Mapping[int, float]] = NONE,
    **more: object,
) -> None:
    """Write what came of a search into its folder, as a page and as JSON.

    Args:
        outcome: of the trials so far.
        title: of the page.
        judged: what the value of a trial is, in words.
        charts: beside those that every search has.
        numbers: name -> number of a trial -> what is shown of it beside its value.
        more: what else is in the JSON.
    """
    write_json(outcome.out / RESULTS, {**outcome.to_dict(), **more})
    best = outcome.best
    render(
        "search.html.j2",
        outcome.out / REPORT,
        outcome=outcome,
        title=title,
        judged=judged,
        best=best[:SHOWN],
        numbers=numbers,
        columns=list_columns(outcome),
        charts=[chart for chart in (*charts, draw_history(outcome), draw_scores(outcome)) if chart],
    )


def list_columns(outcome: Outcome) -> list[str]:
    """Return the names of the options in which trials differ."""
    return list(dict.fromkeys(name for record in outcome.records for name in record.values))


def draw_history(outcome: Outcome) -> Chart | None:
    """Draw the value of each trial, and the best so far."""
    known = [record for record in outcome.records if record.value is not None]
    dots = [
        Line(
            "", np.array([float(record.number)]), np.array([record.value]), color=0 if record in outcome.best else PALE
        )
        for record in known
    ]
    finished = sorted(outcome.best, key=lambda record: record.number)
    x = np.array([float(record.number) for record in finished])
    y = np.maximum.accumulate(np.array([record.value for record in finished], dtype=float))
    lines = [Line("best so far", x, y, color=1), *dots]
    return draw_lines(lines, title="Trials", xlabel="trial", note="Dots: each trial; grey: ended early or under way.")


def draw_scores(outcome: Outcome) -> Chart | None:
    """Draw what the trials were worth over their epochs; the best in colours."""
    strong = outcome.best[:STRONG]
    others = [record for record in outcome.records if record not in strong]
    lines = [draw_record(record, PALE, faint=True) for record in others]
    lines += [draw_record(record, index) for index, record in enumerate(strong)]
    return draw_lines(lines, title="Epochs", xlabel="epoch", note="Faint: all but the best.")


def draw_record(record: Record, color: int, *, faint: bool = False) -> Line:
    """Return the line of one trial."""
    x, y = np.array(list(record.scores), dtype=float), np.array(list(record.scores.values()), dtype=float)
    return Line("" if faint else f"trial {record.number}", x, y, color=color, faint=faint)
