"""Writes docs/targets.md out of the rules about accelerators.

Usage:
    python -m docs.targets
"""

from pathlib import Path

from tasks.targets.notes import NOTES, Note
from tasks.targets.rule import TARGETS, Rule
from tasks.targets.rules import RULES
from tasks.targets.sources import Source

PAGE = Path(__file__).with_suffix(".md")

INTRODUCTION = """\
# Accelerators and what they take

`python -m tasks.export checkpoint=... target=coral` compares a network with what the tools of an accelerator are
documented to take. **These are tables read from documents, not the word of a compiler: none of these tools was run.**
A network without findings may still be refused, and one with findings may run. Where no document was found, the tables
say so; several tools have changed since. `python -m docs.targets` writes this page from `tasks/targets/`, and a test
compares the two.

A finding names layers or settings of the network, what becomes of them, and options that cure it, any one of them, the
best first. Those with `model.` or `task=` belong to a training, the others to the export. Findings are written to the
log and to `targets.json`, for each network among the files of one export.

No exported network has tensors of more than four dimensions, and none has an open one but by `batch=null`.
"""


def render() -> str:
    """Return the page."""
    parts = [INTRODUCTION]
    for name, title in TARGETS.items():
        rules = [render_rule(rule) for rule in RULES if rule.target == name]
        notes = [render_note(note) for note in NOTES if note.target == name]
        parts += [f"## `target={name}`: {title}\n", *make_table("found|what follows|the document|cure|source", rules)]
        parts += ["\nNo finding follows from these:\n", *make_table("subject|the document|source", notes), ""]
    return "\n".join(parts)


def render_rule(rule: Rule) -> tuple[str, ...]:
    """Return the cells of a rule."""
    cures = " or ".join(f"`{cure}`" for cure in rule.cures) or "none"
    return rule.about, rule.severity, rule.says, cures, link(rule.source)


def render_note(note: Note) -> tuple[str, ...]:
    """Return the cells of a note."""
    return note.about, note.says, link(note.source) if note.source else "none"


def link(source: Source) -> str:
    """Return a link to a document."""
    return f"[{source.title}]({source.address})"


def make_table(header: str, rows: list[tuple[str, ...]]) -> list[str]:
    """Return the lines of a table."""
    columns = header.count("|") + 1
    return [f"| {header.replace('|', ' | ')} |", "|---" * columns + "|", *(f"| {' | '.join(row)} |" for row in rows)]


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
