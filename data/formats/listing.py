"""Text files that list images, as tools write them: quoted, with flags, extensions, or folders of another machine."""

from collections.abc import Iterator, Mapping
from os import fsdecode
from pathlib import Path, PurePosixPath

from data.bounded.content import read_content
from data.bounded.text import strip_mark
from data.errors import InputError
from data.findings import Finding, Report

FLAGS = ("-1", "0", "1")  # that Pascal VOC's lists of one class have behind each name
MOST_BYTES = 2**28  # of a list: some million images
QUOTES = "\"'"


def read_listing(path: Path) -> list[str]:
    """Return the lines of a list that are not empty, without quotes around them, with / between folders.

    File names need be no UTF-8: they come back as Python names files.

    Raises:
        InputError: if the file cannot be read.
    """
    try:
        lines = fsdecode(strip_mark(read_content(path, most=MOST_BYTES))).split("\n")
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}); expected a list of images") from error
    return [unquote(line.strip()).replace("\\", "/") for line in lines if line.strip()]


def unquote(text: str) -> str:
    """Return a text without the pair of quotes around it, if there is one."""
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in QUOTES
    return text[1:-1] if quoted else text


def list_tails(path: str) -> Iterator[str]:
    """Yield a path, and then what is left of it without its first folder, without its first two, and so on."""
    parts = PurePosixPath(path).parts
    yield path
    for start in range(1, len(parts)):
        yield "/".join(parts[start:])


def find_listed(lines: list[str], known: Mapping[str, str], *, where: Path, report: Report) -> dict[str, str]:
    """Find out which names the lines of a list mean.

    A line is a name that is known, whatever blanks it has; only where it is none, a flag at its end is no part of it,
    and then of no other line that can be read so.

    Args:
        lines: as `read_listing` gives them.
        known: what may be listed -> what it stands for.
        where: the list, for messages.
        report: takes a note of lines that stand twice.

    Returns:
        what is listed, in order and each once -> the line as it is understood: itself where it is unknown.

    Raises:
        InputError: if two lines that differ mean the same.
    """
    plain = [_match(line, known) for line in lines]
    cut = [_match(_cut_flag(line), known) for line in lines]
    flagged = any(name is None and other is not None for name, other in zip(plain, cut, strict=True))
    found: dict[str, str] = {}
    said: dict[str, str] = {}
    for line, name, other in zip(lines, plain, cut, strict=True):
        text = ((other or name) if flagged else name) or line
        meant = known.get(text, text)
        if said.setdefault(meant, line) != line:
            raise InputError(
                f"{where}: {said[meant]!r} and {line!r} both refer to {meant}; expected one line per image"
            )
        found[meant] = text
    if len(found) < len(lines):
        repeated = next(line for index, line in enumerate(lines) if line in lines[:index])
        told = f"{len(lines) - len(found)} lines repeat earlier ones (first: {repeated!r})"
        report(Finding("note", "image listed twice", str(where), told, "each image is taken once"))
    return found


def _match(line: str, known: Mapping[str, str]) -> str | None:
    """Return the longest end of a line, cut between folders, that is known."""
    return next((tail for tail in list_tails(line) if tail in known), None)


def _cut_flag(line: str) -> str:
    """Return a line without the flag at its end."""
    name, _, flag = line.rpartition(" ")
    return unquote(name.strip()) if flag in FLAGS else line
