"""A comparison of runs for people: as tables on a terminal, and as a page with the runs' curves."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from tasks.cli.terminal import SafeConsole
from tasks.compare.rows import ComparisonRow
from tasks.report.curves import draw_together
from tasks.report.numbers import difference, percent
from tasks.report.page import render
from tasks.runs.reading import Run

WIDEST = 1000  # columns of what is not a terminal: nothing is cut there


@dataclass(frozen=True)
class Comparison:
    """Runs side by side.

    Attributes:
        runs: the runs.
        names: a short name of each.
        states: whether each came to its end.
        warnings: why some numbers may not compare.
        metrics: rows of metrics.
        per_class: rows of classes, where asked for.
        speed: rows of speed.
        size: rows of size.
        configuration: rows of the options that differ.
        measured: how latency was; None where it was not.
    """

    runs: list[Run]
    names: list[str]
    states: list[str]
    warnings: list[str]
    metrics: list[ComparisonRow]
    per_class: list[ComparisonRow]
    speed: list[ComparisonRow]
    size: list[ComparisonRow]
    configuration: list[ComparisonRow]
    measured: dict[str, Any] | None

    @property
    def groups(self) -> list[tuple[str, list[ComparisonRow]]]:
        """Return the rows that say anything, by group."""
        groups = [
            ("Metrics", self.metrics),
            ("Classes", self.per_class),
            ("Speed", self.speed),
            ("Size", self.size),
            ("Configuration", self.configuration),
        ]
        told = [
            (name, [row for row in rows if any(value is not None for value in row.values)]) for name, rows in groups
        ]
        return [(name, rows) for name, rows in told if rows]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        about = zip(self.runs, self.names, self.states, strict=True)
        return {
            "runs": [
                {"name": name, "folder": str(run.folder), "task": run.task, "network": run.network, "state": state}
                for run, name, state in about
            ],
            "warnings": self.warnings,
            **{name.lower(): [row.to_dict() for row in rows] for name, rows in self.groups},
            "latency": self.measured,
        }


def write_cells(row: ComparisonRow) -> list[tuple[str, str]]:
    """Return the value of each run as text, and how far it is from the first run's."""
    changes = []
    for apart in row.differences:
        if apart is None:
            changes.append("")
        else:
            changes.append(difference(apart) if row.form == "metric" else percent(apart, row.values[0]))
    return list(zip(row.texts, changes, strict=True))


def print_comparison(comparison: Comparison) -> None:
    """Print the tables; a best value bears a star, and colour where the output is a terminal."""
    console = SafeConsole(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else WIDEST)
    for warning in comparison.warnings:
        console.print(Text(f"warning: {warning}", style="yellow"))
    for name, state in zip(comparison.names, comparison.states, strict=True):
        if state != "finished":
            console.print(Text(f"{name}: {state}", style="yellow"))
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    for name in comparison.names:
        table.add_column(Text(name), justify="right", overflow="fold")
    for group, rows in comparison.groups:
        table.add_row(Text(group, style="bold"))
        for row in rows:
            cells = [
                print_cell(text, change, best=index in row.best)
                for index, (text, change) in enumerate(write_cells(row))
            ]
            table.add_row(Text(f"  {row.name}"), *cells)
        table.add_section()
    console.print(table)
    for note in list_notes(comparison):
        console.print(Text(note, style="dim"))


def print_cell(text: str, change: str, *, best: bool) -> Text:
    """Return a value with its difference and its star."""
    cell = Text(f"{text}*" if best else text, style="bold green" if best else "")
    return Text(f"{change}  ", style="dim").append_text(cell) if change else cell


def list_notes(comparison: Comparison) -> list[str]:
    """Say how to read the tables."""
    notes = [f"*: best of its row. Differences are from {comparison.names[0]}."]
    measured = comparison.measured
    if measured:
        height, width = measured["image"]
        notes.append(
            f"Latency: one decoded image of {height} x {width} to boxes or mask, on {measured['device']}, one thread; "
            f"medians of {measured['rounds']} rounds in which the models took turns."
        )
    if len({run.is_training for run in comparison.runs}) > 1:
        notes.append("Options are not compared: training runs stand beside evaluations.")
    return notes


def write_comparison(comparison: Comparison, path: Path) -> Path:
    """Write the comparison as one page that needs nothing else."""
    groups = [(name, [(row, write_cells(row)) for row in rows]) for name, rows in comparison.groups]
    return render(
        "comparison.html.j2",
        path,
        comparison=comparison,
        groups=groups,
        notes=list_notes(comparison),
        charts=draw_together(comparison.runs, comparison.names),
    )
