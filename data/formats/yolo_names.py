"""The names of a YOLO data set's classes, in the order of the numbers in its label files: data.yaml's, or a list's."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data.bounded.content import read_content
from data.bounded.text import strip_mark
from data.errors import InputError
from data.findings import Finding, Report
from data.formats.yolo_yaml import parse_names

FILES = ("classes.txt", "obj.names", "_darknet.labels")  # LabelImg's, darknet's, Roboflow's


def find_names(
    content: dict[str, Any],
    folders: Sequence[Path],
    *,
    file: Path | None,
    given: Sequence[str] | None,
    report: Report,
) -> list[str]:
    """Return the class names: those given, else those of data.yaml, else those of a list.

    Args:
        content: of data.yaml; empty where there is none.
        folders: that lists may be in, the root of the data set first.
        file: data.yaml, for messages.
        given: names that go before those of any file.
        report: takes a warning of a list that differs from data.yaml, and an error of one that differs from another.

    Raises:
        InputError: if there are none, or they are no texts.
    """
    if given is not None:
        return parse_names(given, "dataset.names")
    stated = {f"{file}: names": parse_names(content["names"], f"{file}: names")} if "names" in content else {}
    lists = {str(path): read_names(path) for folder in folders for name in FILES if (path := folder / name).is_file()}
    if not stated and not lists:
        cure = f"expected data.yaml, {', '.join(FILES)} or dataset.names=[a,b]"
        raise InputError(f"{folders[0]}: no class names; {cure}")
    (first, names), *others = (stated | lists).items()
    for place, differing in others:
        if differing != names:
            found = f"says {', '.join(differing)}, where {first} says {', '.join(names)}"
            cure = "expected one order of the classes: remove the wrong file, or dataset.names=[a,b]"
            taken = "took the latter; " if stated else ""
            report(Finding("warning" if stated else "error", "names that differ", place, found, taken + cure))
    return names


def read_names(path: Path) -> list[str]:
    """Read a file with a class name a line.

    Raises:
        InputError: if it cannot be read as UTF-8, or the names are not all different.
    """
    try:
        text = strip_mark(read_content(path)).decode()
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}); expected text in UTF-8") from error
    return parse_names([line.strip() for line in text.splitlines() if line.strip()], str(path))
