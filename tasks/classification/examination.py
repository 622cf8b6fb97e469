"""The labels of a classifier's data set, for the doctor."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from data.findings import Finding, Report
from data.readers import LabelReader
from tasks.examination.counts import Counts
from tasks.examination.examined import Examined
from tasks.models.description import Description


def check_evaluation(description: Description, reader: LabelReader, *, report: Report, split: str) -> None:
    """Report a model that gives one class for images that have several labels, or the reverse; and a single class."""
    scores = description.arch.scores
    if reader.multilabel != (scores == "sigmoid"):
        wanted = "sigmoid" if reader.multilabel else "softmax"
        found = f"dataset.multilabel={str(reader.multilabel).lower()} with model.scores={scores}"
        report(Finding("error", "labels that the model cannot give", split, found, f"expected model.scores={wanted}"))
    if len(description.classes) < 2 and scores == "softmax":
        cure = "expected at least two: a model that knows one is always right"
        report(Finding("error", "a single class", split, f"{description.classes.names[0]!r} is the only class", cure))


def examine(
    readers: Mapping[str, LabelReader],
    description: Description,
    *,
    report: Report,
    workers: int,
    advance: Callable[[int], object],
) -> dict[str, Examined]:
    """Count the labels of each split.

    Args:
        readers: of the splits, which agree on their classes.
        description: of the classifier that is to be trained.
        report: takes the findings.
        workers: threads; none are needed here.
        advance: told how many images were looked at.
    """
    examined = {}
    for role, reader in readers.items():
        check_evaluation(description, reader, report=report, split=role)
        presence = reader.presence
        empty = tuple(reader.names[~presence.any(axis=1)].tolist())
        amounts = presence.sum(axis=0)
        examined[role] = Examined(Counts("labels", amounts, amounts, empty, len(reader)), presence, {})
        advance(len(reader))
    return examined


def check_files(name: str, readers: Collection[LabelReader], *, blamed: set[Path], report: Report) -> None:
    """Report nothing: files that are left over are reported where labels are read."""


def plot_labels(readers: Mapping[str, LabelReader], description: Description, out: Path) -> None:
    """Draw nothing: a label has neither place nor size."""
