"""The masks of a split: how many pixels each class has, and how many are ignored."""

from dataclasses import dataclass

import numpy as np

from data.classes import ClassTable
from data.findings import Finding, Report
from data.samples import IGNORE
from tasks.examination.counts import Counts

MOSTLY = 0.95  # share of ignored pixels from which a mask teaches hardly anything
MANY = 0.5  # the same for a whole split
HARDLY = 0.0005  # share of the labelled pixels below which a class is hardly there


@dataclass(frozen=True)
class MaskTable:
    """The pixels of N masks.

    Attributes:
        paths: (N,) strings, the masks' files.
        counts: (N, K + 1) int64, pixels of each class; of the ignored ones last. All 0 where a mask cannot be read.
    """

    paths: np.ndarray
    counts: np.ndarray

    @property
    def ignored(self) -> np.ndarray:
        """(N,) share of ignored pixels in each mask."""
        result: np.ndarray = self.counts[:, -1] / np.maximum(1, self.counts.sum(axis=1))
        return result


def count_mask(mask: np.ndarray, classes: int) -> np.ndarray:
    """Return (K + 1,) the pixels of each class in a mask (H, W) of class indices and IGNORE; the ignored ones last."""
    counts = np.bincount(mask.reshape(-1), minlength=IGNORE + 1)
    return np.append(counts[:classes], counts[IGNORE])


def count_masks(table: MaskTable, classes: ClassTable) -> Counts:
    """Count the pixels of each class, and the images that hold it."""
    counts = table.counts[:, : len(classes)]
    empty = (counts.sum(axis=1) == 0) & (table.counts[:, -1] > 0)  # a mask that could not be read has no pixels at all
    return Counts(
        "pixels", counts.sum(axis=0), (counts > 0).sum(axis=0), tuple(table.paths[empty].tolist()), len(table.paths)
    )


def check_masks(table: MaskTable, classes: ClassTable, report: Report, *, split: str) -> None:
    """Report masks and splits that are mostly ignored, and classes that hardly have a pixel."""
    shares = table.ignored
    for row in np.flatnonzero((shares >= MOSTLY) & (shares < 1)):
        cure = f"label more of it: only pixels other than {IGNORE} teach"
        found = f"{shares[row]:.1%} of its pixels are ignored"
        report(Finding("warning", "mask that is nearly all ignored", str(table.paths[row]), found, cure))
    whole = table.counts.sum(axis=0)
    if whole.sum() and not whole[:-1].any():
        cure = "check whether a class that you want is among the ignored values"
        report(Finding("error", "nothing labelled", split, "all pixels are ignored", cure))
    elif whole.sum() and whole[-1] >= MANY * whole.sum():
        found = f"{whole[-1] / whole.sum():.0%} of all pixels are ignored"
        cure = "check whether a class that you want is among the ignored values"
        report(Finding("warning", "split that is mostly ignored", split, found, cure))
    labelled = max(1, int(whole[:-1].sum()))
    scarce = whole[:-1] / labelled
    for index in np.flatnonzero((whole[:-1] > 0) & (scarce < HARDLY)):
        found = f"{classes.names[index]}: {whole[index]:,} pixels, {scarce[index]:.3%} of the labelled ones"
        cure = "label more of it, join it with another class, or expect an IoU near 0"
        report(Finding("note", "class that is very rare", split, found, cure))
