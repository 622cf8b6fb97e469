"""What is wrong with a data set's files: said once, and taken as the caller likes it (refused, logged or listed)."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from data.errors import InputError

logger = logging.getLogger(__name__)

MOST_REPORTED = 10_000  # bad entries of a file, one by one

Level = Literal["error", "warning", "note"]
Entry = TypeVar("Entry")
Parsed = TypeVar("Parsed")


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong in the files of a data set.

    Attributes:
        level: "error" where training must not start, "warning" where something is left out or mended on the way,
            "note" where it is only worth knowing.
        kind: what is wrong in one or a few words, the same for all findings alike: "box outside the image".
        where: the file, and the place in it: "instances_train.json: annotations[3] (id 17).bbox".
        found: what stands there.
        cure: what was expected, or how to mend it.
        places: all of them, where `found` speaks of several and names the first.
    """

    level: Level
    kind: str
    where: str
    found: str
    cure: str
    places: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.where}: {self.found}; {self.cure}"


Report = Callable[[Finding], None]


def refuse(finding: Finding) -> None:
    """Take findings as training does: stop at an error, log the rest.

    Raises:
        InputError: if the finding is an error.
    """
    if finding.level == "error":
        raise InputError(str(finding))
    logger.log(logging.WARNING if finding.level == "warning" else logging.INFO, "%s", finding)


def once(report: Report) -> Report:
    """Return a report that passes each finding on the first time only: splits that share a file share what it says."""
    seen: set[Finding] = set()

    def take(finding: Finding) -> None:
        if finding not in seen:
            seen.add(finding)
            report(finding)

    return take


class EntryError(InputError):
    """The error of one entry in a data set's files: without it the others can be used.

    Attributes:
        finding: what the message says, in parts.
    """

    finding: Finding


def fault(kind: str, where: object, found: str, cure: str) -> EntryError:
    """Return the error of one entry in a data set's files; `parse_all` reports what it says."""
    finding = Finding("error", kind, str(where), found, cure)
    error = EntryError(str(finding))
    error.finding = finding
    return error


def parse_all(
    parse: Callable[[int, Entry], Parsed], entries: Iterable[Entry], *, report: Report
) -> Iterator[tuple[int, Parsed]]:
    """Parse entries one by one; those that `parse` raises a `fault` for are reported and left out.

    Of more than MOST_REPORTED the last stands for the others.

    Args:
        parse: takes the position of an entry, and the entry.
        entries: what a file holds.
        report: takes each fault.

    Yields:
        The position of each entry that was parsed, and what came of it.

    Raises:
        InputError: if `report` does, or `parse` raises one that is no fault of its entry.
    """
    bad = 0
    for index, entry in enumerate(entries):
        try:
            parsed = parse(index, entry)
        except EntryError as error:
            bad += 1
            last = error.finding
            if bad <= MOST_REPORTED:
                report(last)
        else:
            yield index, parsed
    if bad > MOST_REPORTED:
        report(replace(last, found=f"and {bad - MOST_REPORTED - 1} before it: {last.found}"))


def report_all(findings: Sequence[Finding], *, report: Report, summary: str) -> None:
    """Report findings that belong together; where the first is refused, the error speaks of all.

    Raises:
        InputError: of `summary` and the first three, if `report` refuses one.
    """
    try:
        for finding in findings:
            report(finding)
    except InputError as error:
        first = "\n".join(f"  {finding}" for finding in findings[:3])
        raise InputError(f"{summary}, the first:\n{first}") from error
