"""Writes docs/configuration.md out of conf/: every option of every command, its default and what its comment says.

Usage:
    python -m docs.configuration
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import yaml

ROOT = Path(__file__).parent.parent
CONF = ROOT / "conf"
PAGE = Path(__file__).with_suffix(".md")
GROUPS = ("task", "backbone", "dataset", "optimizer", "trainer", "experiment")
PACKAGES = {"task": "", "experiment": "", "backbone": "model."}  # where a group's options stand, if not under its name
REQUIRED = "???"

INTRODUCTION = """\
# Configuration

Every option of every command, its default and what it does. `python -m docs.configuration` generates this page from
`conf/`, and a test compares the two.

Options follow a command as `name=value`, in any order: `trainer.max_epochs=10`, `size=[320,480]`, `lr=0.05`,
`weights=null`. Quote what the shell would split: `'classes=[traffic light,car]'`. A file of a group is chosen by its
name, `backbone=small`, and the command line overrides every file. `--help` prints all options of a command, `--cfg job`
the resulting configuration. "Required" options have no default.
"""


class Option(NamedTuple):
    """One line of a yaml file: the dotted name, the default as written there, and the comment behind it."""

    name: str
    default: str
    comment: str


class File(NamedTuple):
    """One yaml file: its opening comment, the options that it sets, and its list of defaults."""

    about: str
    options: list[Option]
    defaults: list[str]


def read_file(path: Path, *, prefix: str = "") -> File:
    """Read a yaml file with its comments."""
    text = path.read_text(encoding="utf-8")
    opening = re.match(r"(?:#.*\n)*", text)
    lines = [line.lstrip("# ") for line in (opening[0] if opening else "").splitlines() if "@package" not in line]
    node = yaml.compose(text)
    if not isinstance(node, yaml.MappingNode):
        return File(" ".join(lines), [], [])
    parsed = yaml.safe_load(text)
    return File(" ".join(lines), list(_walk(node, text, prefix)), [_choice(e) for e in parsed.get("defaults", [])])


def _choice(entry: str | dict[str, str]) -> str:
    if isinstance(entry, str):
        return entry
    ((group, name),) = entry.items()
    return f"{group.removeprefix('override ').removeprefix('/')}={'null' if name is None else name}"


def _walk(node: yaml.MappingNode, text: str, prefix: str) -> Iterator[Option]:
    for key, value in node.value:
        if key.value in ("defaults", "hydra"):
            continue
        if isinstance(value, yaml.MappingNode):
            yield from _walk(value, text, f"{prefix}{key.value}.")
            continue
        rest = text[value.end_mark.index :].split("\n", 1)[0]  # of the line, behind the value
        default = text[value.start_mark.index : value.end_mark.index].strip()
        comment = re.search(r"#\s*(.*)", rest)
        yield Option(prefix + key.value, default, comment[1].strip() if comment else "")


def read_all() -> dict[str, File]:
    """Return the files of conf/ by their path there, without suffix: "train", "dataset/coco"."""
    files = {path.stem: read_file(path) for path in sorted(CONF.glob("*.yaml"))}
    for group in GROUPS:
        prefix = PACKAGES.get(group, f"{group}.")
        for path in sorted((CONF / group).glob("*.yaml")):
            files[f"{group}/{path.stem}"] = read_file(path, prefix=prefix)
    return files


def explain(files: dict[str, File]) -> dict[str, str]:
    """Return the comment of each option: the first that stands behind its name anywhere."""
    found: dict[str, str] = {}
    for file in files.values():
        for option in file.options:
            found[option.name] = found.get(option.name) or option.comment
    return found


def render() -> str:
    """Return the page."""
    files = read_all()
    comments = explain(files)
    commands = [name for name in files if "/" not in name and name != "common"]
    parts = [INTRODUCTION, "## Commands\n"]
    parts += [_section(f"`python -m tasks.{name}`", files[name], comments) for name in commands]
    parts += ["### Of every command\n", _table(files["common"], comments)]
    for group in GROUPS:
        parts.append(f"## `{group}=`\n")
        parts += [
            _section(f"`{name.replace('/', '=')}`", file, comments)
            for name, file in files.items()
            if name.startswith(f"{group}/")
        ]
    return "\n".join(parts)


def _section(title: str, file: File, comments: dict[str, str]) -> str:
    groups = [entry for entry in file.defaults if entry not in ("common", "_self_")]
    lines = [f"### {title}\n"]
    if file.about and not title.startswith("`python"):
        lines.append(f"{file.about}\n")
    if groups:
        lines.append(f"Starts from {', '.join(f'`{entry}`' for entry in groups)}.\n")
    return "\n".join([*lines, _table(file, comments)])


def _table(file: File, comments: dict[str, str]) -> str:
    if not file.options:
        return ""
    rows = ["| option | default | what |", "|---|---|---|"]
    for option in file.options:
        default = "required" if option.default == REQUIRED else f"`{option.default}`"
        cells = (f"`{option.name}`", default, option.comment or comments[option.name])
        rows.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
