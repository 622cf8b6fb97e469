"""How often each class occurs, in each split, and what is worth knowing of it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.classes import ClassTable
from data.findings import Finding, Level, Report

FEW_IMAGES = 10  # that hold a class: fewer teach it hardly
# Of the most frequent class for one of the rarest, mentioned from there.
IMBALANCE = {"boxes": 20.0, "labels": 20.0, "pixels": 100.0}
MOST_NAMED = 8  # classes in a finding
MARKS = re.compile(r"[\s_-]")  # that tools put into names, or leave out


@dataclass(frozen=True)
class Counts:
    """What the labels of one split hold.

    Attributes:
        unit: what is counted: "boxes", "labels" or "pixels".
        amounts: (K,) boxes, labels or pixels of each class.
        images: (K,) images that hold each class.
        empty: names of the images that hold none.
        total: number of images.
    """

    unit: str
    amounts: np.ndarray
    images: np.ndarray
    empty: tuple[str, ...]
    total: int

    @property
    def shares(self) -> np.ndarray:
        """(K,) of all boxes or labelled pixels, 0 to 1."""
        result: np.ndarray = self.amounts / max(1, self.amounts.sum())
        return result


def name_some(names: Sequence[str]) -> str:
    """Return names as a list for a message, cut after MOST_NAMED."""
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def check_classes(counts: dict[str, Counts], classes: ClassTable, report: Report) -> None:
    """Report classes that are missing, rare, or cannot be measured.

    Args:
        counts: of each split; the first is trained on.
        classes: the K classes.
        report: takes the findings.
    """
    (trained, train), *others = counts.items()
    evaluated: np.ndarray = np.sum([split.images for _, split in others], axis=0) if others else train.images * 0
    missing = [(name, int(n)) for name, here, n in zip(classes.names, train.images, evaluated, strict=True) if not here]
    untaught = [f"{name} ({n} images)" for name, n in missing if n]
    if untaught:
        found = f"never labelled in {trained}, but in the split to evaluate on: {name_some(untaught)}"
        cure = "label some in training images, or redo the split: a model cannot find them"
        report(Finding("warning", "class missing in training", trained, found, cure))
    unused = [name for name, n in missing if not n]
    if unused:
        found = f"listed as classes, but labelled nowhere: {name_some(unused)}"
        report(Finding("note", "class never used", trained, found, "they cost little; leave them out if not wanted"))
    unmeasured = [
        n for n, here, there in zip(classes.names, train.images, evaluated, strict=True) if here and not there
    ]
    if others and unmeasured:
        found = f"labelled in {trained}, but not in {', '.join(name for name, _ in others)}: {name_some(unmeasured)}"
        cure = "move some images there: the metrics say nothing of these classes"
        report(Finding("note", "class that is not evaluated", trained, found, cure))
    _check_names(classes, report, split=trained)
    _check_balance(train, classes, report, split=trained)


def _check_names(classes: ClassTable, report: Report, *, split: str) -> None:
    """Report classes whose names differ in capitals, blanks or dashes alone: one class, most likely."""
    alike: dict[str, list[str]] = {}
    for name in classes.names:
        alike.setdefault(MARKS.sub("", name.casefold()), []).append(name)
    pairs = [" and ".join(map(repr, names)) for names in alike.values() if len(names) > 1]
    if pairs:
        cure = "give them one name in the labels if they are one class: they are learned as different ones"
        report(Finding("warning", "classes of one name", split, f"written alike: {name_some(pairs)}", cure))


def _check_balance(counts: Counts, classes: ClassTable, report: Report, *, split: str) -> None:
    """Report classes that few images hold, and how far apart the most frequent and the rarest are."""
    rare = [f"{n} ({c})" for n, c in zip(classes.names, counts.images.tolist(), strict=True) if 0 < c < FEW_IMAGES]
    if rare:
        found = f"in fewer than {FEW_IMAGES} images: {name_some(rare)}"
        report(Finding("note", "rare class", split, found, "expect little of them, or label more"))
    present = np.flatnonzero(counts.amounts)
    if len(present) < 2:
        return
    order = present[np.argsort(counts.amounts[present])]
    least, most = int(order[0]), int(order[-1])
    ratio = counts.amounts[most] / counts.amounts[least]
    if ratio >= IMBALANCE[counts.unit]:
        found = (
            f"{counts.amounts[most]:,} {counts.unit} of {classes.names[most]}, "
            f"{counts.amounts[least]:,} of {classes.names[least]}: {ratio:,.0f} to 1"
        )
        cure = "look at the metrics by class, not at their mean alone"
        if counts.unit == "pixels":
            cure += "; augmentation.rare_crops=0.5 shows rare classes more often"
        report(Finding("note", "classes out of balance", split, found, cure))


def check_empty(counts: Counts, report: Report, *, split: str) -> None:
    """Report the images without labels: many of them are rather forgotten than empty."""
    if not counts.empty:
        return
    level: Level = "warning" if len(counts.empty) > counts.total / 2 else "note"
    what = "labelled pixels" if counts.unit == "pixels" else counts.unit
    found = f"{len(counts.empty)} of {counts.total} images have no {what} (first: {counts.empty[0]})"
    cure = "fine if they show none of the classes; label the others, or their objects are learned as background"
    if counts.unit == "pixels":
        cure = "label them or leave them out: nothing is learned from them"
    report(Finding(level, "image without labels", split, found, cure, counts.empty))
