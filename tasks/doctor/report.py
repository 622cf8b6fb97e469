"""What the doctor found, for people (tables and lists, readable without colours) and as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from data.findings import Finding

LEVELS = {"error": "bold red", "warning": "bold yellow", "note": "bold cyan"}
SPREAD = "min/median/max"
SHOWN = 3  # findings of one kind
MOST_CLASSES = 24  # rows of the table; of more the most frequent and the rarest are shown


@dataclass(frozen=True)
class Diagnosis:
    """Everything that the doctor found.

    Attributes:
        dataset: its name, root, task and classes, and the input size that boxes are measured at.
        splits: by name, what `tasks.doctor.images`, `labels`, `boxes` and the anchors measured, as plain values.
        pairs: pictures that two splits share, as plain values.
        findings: in the order in which they were made.
    """

    dataset: dict[str, Any]
    splits: dict[str, dict[str, Any]]
    pairs: list[dict[str, Any]]
    findings: list[Finding]

    @property
    def may_train(self) -> bool:
        """Whether there is no error."""
        return all(finding.level != "error" for finding in self.findings)

    def groups(self) -> list[tuple[str, str, list[Finding]]]:
        """Return level, kind and findings of each kind: errors first, and the first found first."""
        grouped: dict[tuple[str, str], list[Finding]] = {}
        for finding in self.findings:
            grouped.setdefault((finding.level, finding.kind), []).append(finding)
        order = list(LEVELS)
        found = [(level, kind, findings) for (level, kind), findings in grouped.items()]
        return sorted(found, key=lambda group: order.index(group[0]))

    def counts(self) -> dict[str, int]:
        """Return the number of findings by level."""
        return {level: sum(finding.level == level for finding in self.findings) for level in LEVELS}

    def to_dict(self) -> dict[str, Any]:
        """Return all as plain values, for JSON."""
        return {
            "dataset": self.dataset,
            "may_train": self.may_train,
            "counts": self.counts(),
            "splits": self.splits,
            "pairs": self.pairs,
            "findings": [
                {
                    "level": level,
                    "kind": kind,
                    "count": len(findings),
                    "findings": [
                        {"where": f.where, "found": f.found, "cure": f.cure, "places": list(f.places)} for f in findings
                    ],
                }
                for level, kind, findings in self.groups()
            ],
        }


def print_report(diagnosis: Diagnosis, console: Console) -> None:
    """Print the tables, the findings and the verdict."""
    dataset = diagnosis.dataset
    size = f" at size={dataset['size']}" if dataset["size"] else ""
    console.print(Text.assemble((f"{dataset['name']}", "bold"), f" in {dataset['root']}, for {dataset['task']}{size}"))
    if diagnosis.splits:
        for build in (build_image_table, build_label_table, build_class_table):
            console.print(build(diagnosis.splits))
    for level, kind, findings in diagnosis.groups():
        print_group(level, kind, findings, console)
    console.print(describe_verdict(diagnosis))


def build_image_table(splits: dict[str, dict[str, Any]]) -> Table:
    """Return a table of images, one row a split."""
    table = _new_table("\nsplit", "\nimages", "\nunlabelled", *(f"{side}\n{SPREAD}" for side in ("height", "width")))
    table.add_column("\nformats", no_wrap=True)
    for role, split in splits.items():
        images = split["images"]
        formats = "\n".join(f"{kind} ({count:,})" for kind, count in images["formats"].items())
        spreads = [_write_spread(images[key]) for key in ("height", "width")]
        table.add_row(role, f"{images['count']:,}", f"{split['labels']['empty']:,}", *spreads, formats)
    return table


def build_label_table(splits: dict[str, dict[str, Any]]) -> Table:
    """Return a table of boxes by size, of labels, or of labelled and ignored pixels, one row a split."""
    unit = next(iter(splits.values()))["labels"]["unit"]
    if unit == "labels":
        table = _new_table("split", "labels")
        for role, split in splits.items():
            table.add_row(role, f"{split['labels']['total']:,}")
        return table
    if unit == "pixels":
        table = _new_table("split", "pixels", "ignored")
        for role, split in splits.items():
            table.add_row(role, f"{split['labels']['total']:,}", f"{split['ignored']:.1%}")
        return table
    kinds = ("small", "medium", "large", "tiny")
    table = _new_table(
        "\nsplit", "\nboxes", *(f"\n{k}" for k in kinds), "side at input\n5%/median/95%", "\nanchor recall"
    )
    for role, split in splits.items():
        boxes, recall = split["boxes"], split["anchor_recall"]
        cells = [f"{boxes[kind]:,}" for kind in kinds]
        share = _write_share(recall and recall["share"])
        table.add_row(role, f"{split['labels']['total']:,}", *cells, _write_spread(boxes["side_at_input"]), share)
    return table


def build_class_table(splits: dict[str, dict[str, Any]]) -> Table:
    """Return a table of images and boxes or pixels, one row a class, the most frequent first."""
    (role, first), *_ = splits.items()
    classes, unit, recall = first["labels"]["classes"], first["labels"]["unit"], first.get("anchor_recall")
    titles = [
        f"{line}{title}" for name in splits for line, title in ((f"{name}\n", "images"), ("\n", unit), ("\n", "share"))
    ]
    table = _new_table("\nclass", *titles, *([f"{role}\nanchor recall"] if recall else []))
    order = sorted(classes, key=lambda name: -classes[name]["count"])
    half = MOST_CLASSES // 2
    for place, name in enumerate(order):
        if len(order) > MOST_CLASSES and half <= place < len(order) - half:
            if place == half:
                table.add_row(f"... {len(order) - 2 * half} more")
            continue
        rows = [split["labels"]["classes"][name] for split in splits.values()]
        cells = [cell for r in rows for cell in (f"{r['images']:,}", f"{r['count']:,}", f"{r['share']:.1%}")]
        table.add_row(name, *cells, *([_write_share(recall["by_class"].get(name))] if recall else []))
    return table


def print_group(level: str, kind: str, findings: Sequence[Finding], console: Console) -> None:
    """Print the findings of one kind: their number, the first few, and each cure once."""
    number = f" ({len(findings):,})" if len(findings) > 1 else ""
    console.print(Text.assemble((f"{level}", LEVELS[level]), f": {kind}{number}"))
    shown = findings[:SHOWN]
    for index, finding in enumerate(shown):
        _print_indented(f"{finding.where}: {finding.found}", console, indent=4)
        for place in finding.places[1:SHOWN]:
            _print_indented(place, console, indent=6)
        if len(finding.places) > SHOWN:
            _print_indented(f"... and {len(finding.places) - SHOWN:,} more in report.json", console, indent=6)
        if index + 1 == len(shown) or shown[index + 1].cure != finding.cure:
            _print_indented(f"-> {finding.cure}", console, indent=6)
    if len(findings) > SHOWN:
        _print_indented(f"... and {len(findings) - SHOWN:,} more in report.json", console, indent=4)


def describe_verdict(diagnosis: Diagnosis) -> Text:
    """Return whether training may start, and how much was found."""
    counts = diagnosis.counts()
    said = ", ".join(f"{n:,} {level}{'s' if n != 1 else ''}" for level, n in counts.items() if n) or "nothing found"
    if diagnosis.may_train:
        return Text.assemble(("Training may start", "bold green"), f": {said}.")
    return Text.assemble(("Training cannot start", "bold red"), f": {said}.")


def _print_indented(text: str, console: Console, *, indent: int) -> None:
    """Print a line as it is, wrapped on a terminal alone: a path in a file stays whole."""
    if console.is_terminal:
        console.print(Padding(Text(text), (0, 0, 0, indent)))
    else:
        console.print(Text(" " * indent + text), soft_wrap=True)


def _new_table(first: str, *others: str) -> Table:
    """Return an empty table; all columns but the first hold numbers, on one line each."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column(first)
    for title in others:
        table.add_column(title, justify="right", no_wrap=True)
    return table


def _write_spread(spread: dict[str, float | None] | None) -> str:
    """Return the three values from low to high, or the one that all have."""
    values = [f"{value:.4g}" for value in (spread or {}).values() if value is not None]
    return values[0] if len(set(values)) == 1 else "/".join(values)


def _write_share(share: float | None) -> str:
    """Return a share in per cent, nothing where there is none."""
    return "" if share is None else f"{share:.0%}"
