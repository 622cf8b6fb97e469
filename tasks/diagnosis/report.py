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
SHOWN = 3  # findings of one kind
MOST_CLASSES = 24  # rows of the table; of more the most frequent and the rarest are shown


@dataclass(frozen=True)
class Diagnosis:
    """Everything that the doctor found.

    Attributes:
        dataset: its name, root, task and classes, and the input size that boxes are measured at.
        splits: by name, what `tasks.diagnosis.images`, `labels`, `boxes` and `reach` measured, as plain values.
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
                    "findings": [{"where": f.where, "found": f.found, "cure": f.cure} for f in findings],
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
        console.print(build_split_table(diagnosis.splits))
        console.print(build_class_table(diagnosis.splits))
    for level, kind, findings in diagnosis.groups():
        print_group(level, kind, findings, console)
    console.print(describe_verdict(diagnosis))


def build_split_table(splits: dict[str, dict[str, Any]]) -> Table:
    """Return a table of images and labels, one row a split."""
    unit = next(iter(splits.values()))["labels"]["unit"]
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("split")
    for title in ("images", "unlabelled", unit, "height", "width", "w / h"):
        table.add_column(title, justify="right")
    table.add_column("format")
    extra = ("small", "medium", "large", "tiny") if unit == "boxes" else ("ignored",)
    for title in extra:
        table.add_column(title, justify="right")
    for name, split in splits.items():
        images, labels = split["images"], split["labels"]
        formats = ", ".join(f"{kind} {count}" for kind, count in images["formats"].items())
        more = [f"{split['boxes'][key]:,}" for key in extra] if unit == "boxes" else [f"{split['ignored']:.1%}"]
        spreads = [_write_spread(images[key]) for key in ("height", "width", "aspect")]
        table.add_row(
            name, f"{images['count']:,}", f"{labels['empty']:,}", f"{labels['total']:,}", *spreads, formats, *more
        )
    return table


def build_class_table(splits: dict[str, dict[str, Any]]) -> Table:
    """Return a table of images and boxes or pixels, one row a class, the most frequent first."""
    (first, train), *_ = splits.items()
    unit, reach = train["labels"]["unit"], train.get("reach")
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("class")
    for split in splits:
        for title in (f"{split}\nimages", f"\n{unit}", "\nshare"):
            table.add_column(title, justify="right")
    if reach:
        table.add_column(f"{first}\nreached", justify="right")
    order = sorted(train["labels"]["classes"], key=lambda name: -train["labels"]["classes"][name]["count"])
    half = MOST_CLASSES // 2
    shown = order if len(order) <= MOST_CLASSES else [*order[:half], None, *order[-half:]]
    for name in shown:
        if name is None:
            table.add_row(f"... {len(order) - 2 * half} more")
            continue
        cells = []
        for split in splits.values():
            row = split["labels"]["classes"][name]
            cells += [f"{row['images']:,}", f"{row['count']:,}", f"{row['share']:.1%}"]
        share = reach["by_class"].get(name) if reach else None
        table.add_row(name, *cells, *([] if not reach else ["" if share is None else f"{share:.0%}"]))
    return table


def print_group(level: str, kind: str, findings: Sequence[Finding], console: Console) -> None:
    """Print the findings of one kind: their number, the first few, and each cure once."""
    number = f" ({len(findings):,})" if len(findings) > 1 else ""
    console.print(Text.assemble((f"{level}", LEVELS[level]), f": {kind}{number}"))
    shown = findings[:SHOWN]
    for index, finding in enumerate(shown):
        _print_indented(f"{finding.where}: {finding.found}", console, indent=4)
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
    return Text.assemble(("Training must not start", "bold red"), f": {said}.")


def _print_indented(text: str, console: Console, *, indent: int) -> None:
    """Print a line as it is, wrapped on a terminal alone: a path in a file stays whole."""
    if console.is_terminal:
        console.print(Padding(Text(text), (0, 0, 0, indent)))
    else:
        console.print(Text(" " * indent + text), soft_wrap=True)


def _write_spread(spread: dict[str, float] | None) -> str:
    """Return the least, the median and the largest value, or the one that all have."""
    if spread is None:
        return ""
    values = list(dict.fromkeys(f"{spread[key]:.4g}" for key in ("min", "median", "max")))
    return values[0] if len(values) == 1 else " / ".join(f"{spread[key]:.4g}" for key in ("min", "median", "max"))
