"""Look at every file and every label of a data set, and list what is wrong."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from data.config import DatasetConfig
from data.errors import InputError
from data.findings import EntryError, Finding, Report, once
from data.joining import check_apart
from data.splits import ROLES
from tasks.cli.terminal import SafeConsole
from tasks.doctor.config import DoctorConfig
from tasks.doctor.images import ImageFacts, check_images, look_at_all
from tasks.doctor.leaks import Pair, check_copies, check_pairs, find_pairs
from tasks.examination.counts import check_classes, check_empty
from tasks.examination.examined import Examined
from tasks.loaders import open_split
from tasks.models.description import Description
from tasks.task import Task

if TYPE_CHECKING:
    from tasks.parts import Reader


class Survey(NamedTuple):
    """What was seen of a data set, by role of the split.

    Attributes:
        readers: of the splits that could be opened.
        description: of the model that would be trained on them; None where none could.
        facts: of the images.
        examined: the labels.
        pairs: images that splits share.
        findings: what is wrong.
    """

    readers: "dict[str, Reader]"
    description: Description | None
    facts: dict[str, list[ImageFacts]]
    examined: dict[str, Examined]
    pairs: list[Pair]
    findings: list[Finding]


def look(config: DoctorConfig) -> Survey:
    """Look at every file and every label of a data set."""
    findings: list[Finding] = []
    task, workers = config.recipe.task, max(1, config.dataset.count_workers())
    readers = open_readers(task, config.dataset, once(findings.append))
    if len(readers) == len(ROLES):
        check_apart(config.dataset, readers["train"], readers["val"], report=findings.append)
    description = describe(config, readers)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    screen = SafeConsole(stderr=True)
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as progress:
        facts = look_at_images(readers, progress, decode=config.decode, workers=workers)
        examined: dict[str, Examined] = {}
        if description is not None:
            labels = progress.add_task("labels", total=sum(map(len, readers.values())))
            examined = task.parts.examine(
                readers,
                description,
                report=findings.append,
                workers=workers,
                advance=lambda count: progress.advance(labels, count),
            )
    pairs = find_pairs(facts)
    check_files(task, config.dataset.name, readers, facts, pairs=pairs, findings=findings)
    check_labels(readers, examined, findings.append)
    return Survey(readers, description, facts, examined, pairs, findings)


def open_readers(task: Task, dataset: DatasetConfig, report: Report) -> "dict[str, Reader]":
    """Open what can be opened: readers by role, without those that have no image left."""
    readers: dict[str, Reader] = {}
    for role in ROLES:
        classes = readers["train"].classes if "train" in readers else None
        try:
            # Whole: sizes are those of whole images.
            reader = open_split(task, dataset.whole(), role, classes=classes, report=report)
        except InputError as error:
            cure = "fix this first: nothing else in this split was checked"
            lost = Finding("error", "split that cannot be opened", f"dataset.{role}", str(error), cure)
            report(error.finding if isinstance(error, EntryError) else lost)
            continue
        if len(reader):
            readers[role] = reader
        else:
            cure = "fix what is reported about them"
            report(Finding("error", "split without images", f"dataset.{role}", "no image can be used", cure))
    return readers


def describe(config: DoctorConfig, readers: "dict[str, Reader]") -> Description | None:
    """Describe the model that a run of this configuration would train on the first of these readers."""
    if not readers:
        return None
    first, *_ = readers.values()
    description = config.recipe.describe(first.classes, config.dataset)
    if config.recipe.own.follows_data:
        try:
            arch = config.recipe.task.parts.follow_data(description, first)
        except InputError:  # there is nothing to follow, which is found out again with the labels
            return description
        return replace(description, arch=arch)
    return description


def look_at_images(
    readers: "dict[str, Reader]", progress: Progress, *, decode: bool, workers: int
) -> dict[str, list[ImageFacts]]:
    """Look at every image of every split."""
    images = progress.add_task("images", total=sum(map(len, readers.values())))
    return {
        role: look_at_all(reader.files, decode=decode, workers=workers, advance=lambda: progress.advance(images))
        for role, reader in readers.items()
    }


def check_files(
    task: Task,
    name: str,
    readers: "dict[str, Reader]",
    facts: dict[str, list[ImageFacts]],
    *,
    pairs: list[Pair],
    findings: list[Finding],
) -> None:
    """Report what is odd about the files: each by itself, those left over, and those that are there twice."""
    for images in facts.values():
        check_images(images, findings.append)
    blamed = {Path(finding.where) for finding in findings}
    task.parts.check_files(name, readers.values(), blamed=blamed, report=findings.append)
    check_copies(facts, findings.append)
    check_pairs(pairs, findings.append)


def check_labels(readers: "dict[str, Reader]", examined: dict[str, Examined], report: Report) -> None:
    """Report classes that are missing, rare or out of balance, and images without labels."""
    for role, split in examined.items():
        check_empty(split.counts, report, split=role)
    if "train" in examined:
        check_classes({role: split.counts for role, split in examined.items()}, readers["train"].classes, report)
