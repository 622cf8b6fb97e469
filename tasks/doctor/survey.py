"""Look at every file and every label of a data set, and list what is wrong."""

from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from data.boxes import BoxDataset
from data.errors import InputError
from data.findings import EntryError, Finding, Report
from data.splits import Role
from tasks.cli.options import count_workers
from tasks.detection.examination import examine_boxes
from tasks.doctor.images import ImageFacts, check_images, look_at_all
from tasks.doctor.leaks import Pair, check_copies, check_pairs, find_pairs
from tasks.examination.counts import check_classes, check_empty
from tasks.examination.examined import Examined
from tasks.examination.orphans import check_lone_labels, check_lone_masks, check_orphans, list_images
from tasks.loaders import DETECTION, find_task, open_split
from tasks.segmentation.examination import examine_masks

ROLES: tuple[Role, ...] = ("train", "val")


class Survey(NamedTuple):
    """What was seen of a data set, by role of the split."""

    readers: dict[str, Any]
    facts: dict[str, list[ImageFacts]]
    examined: dict[str, Examined]
    pairs: list[Pair]
    findings: list[Finding]


def look(config: dict[str, Any]) -> Survey:
    """Look at every file and every label of a data set."""
    findings: list[Finding] = []
    readers = open_readers(config, findings.append)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    screen = Console(stderr=True)
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as progress:
        facts = look_at_images(readers, config, progress)
        examined = examine_labels(readers, config, progress, findings.append)
    pairs = find_pairs(facts)
    check_files(config["dataset"]["name"], readers, facts, pairs=pairs, findings=findings)
    check_labels(readers, examined, findings.append)
    return Survey(readers, facts, examined, pairs, findings)


def open_readers(config: dict[str, Any], report: Report) -> dict[str, Any]:
    """Open what can be opened: readers by role, without those that have no image left."""
    readers: dict[str, Any] = {}
    dataset = {**config["dataset"], "least_side": None}  # sizes are those of whole images
    for role in ROLES:
        classes = readers["train"].classes if "train" in readers else None
        try:
            reader = open_split(config["model"]["head"], dataset, role, classes=classes, report=report)
        except EntryError as error:
            report(error.finding)
            continue
        except InputError as error:
            cure = "mend this first: nothing else of this split was looked at"
            report(Finding("error", "split that cannot be opened", f"dataset.{role}", str(error), cure))
            continue
        if len(reader):
            readers[role] = reader
        else:
            cure = "mend what is said of them"
            report(Finding("error", "split without images", f"dataset.{role}", "no image can be used", cure))
    return readers


def look_at_images(readers: dict[str, Any], config: dict[str, Any], progress: Progress) -> dict[str, list[ImageFacts]]:
    """Look at every image of every split."""
    task = progress.add_task("images", total=sum(map(len, readers.values())))
    workers = max(1, count_workers(config["dataset"]))
    return {
        role: look_at_all(
            list_images(reader), decode=config["decode"], workers=workers, advance=lambda: progress.advance(task)
        )
        for role, reader in readers.items()
    }


def examine_labels(
    readers: dict[str, Any], config: dict[str, Any], progress: Progress, report: Report
) -> dict[str, Examined]:
    """Look at every label of every split."""
    if not readers:
        return {}
    if find_task(config["model"]["head"]) is DETECTION:
        return examine_boxes(readers, config, report)
    task = progress.add_task("masks", total=sum(map(len, readers.values())))
    workers = max(1, count_workers(config["dataset"]))
    return examine_masks(readers, report, workers=workers, advance=lambda: progress.advance(task))


def check_files(
    name: str,
    readers: dict[str, Any],
    facts: dict[str, list[ImageFacts]],
    *,
    pairs: list[Pair],
    findings: list[Finding],
) -> None:
    """Report what is odd about the files: each by itself, those left over, and those that are there twice."""
    for images in facts.values():
        check_images(images, findings.append)
    blamed = {Path(finding.where) for finding in findings}
    if any(isinstance(reader, BoxDataset) for reader in readers.values()):
        check_orphans(readers.values(), blamed, findings.append)
        check_lone_labels(name, readers.values(), findings.append)
    else:
        check_lone_masks(readers.values(), findings.append)
    check_copies(facts, findings.append)
    check_pairs(pairs, findings.append)


def check_labels(readers: dict[str, Any], examined: dict[str, Examined], report: Report) -> None:
    """Report classes that are missing, rare or out of balance, and images without labels."""
    for role, split in examined.items():
        check_empty(split.counts, report, split=role)
    if "train" in examined:
        check_classes({role: split.counts for role, split in examined.items()}, readers["train"].classes, report)
