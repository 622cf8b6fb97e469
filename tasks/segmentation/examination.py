"""The labels of a segmenter's data set: every mask is read once."""

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from data.findings import EntryError, Finding, Report
from data.readers import MaskReader
from tasks.examination.examined import Examined
from tasks.examination.orphans import check_lone_masks
from tasks.models.description import Description
from tasks.segmentation.mask_table import MaskTable, check_masks, count_mask, count_masks


def read_table(reader: MaskReader, *, workers: int, advance: Callable[[int], object], report: Report) -> MaskTable:
    """Count the pixels of all masks of a reader in threads; masks that cannot be used are reported and count nothing.

    Args:
        reader: of a split.
        workers: threads.
        advance: told after each mask.
        report: takes the findings.
    """
    classes = len(reader.classes)

    def attempt(index: int) -> np.ndarray | Finding:
        try:
            return count_mask(reader.read_mask(index), classes)
        except EntryError as error:
            return error.finding

    counts = np.zeros((len(reader), classes + 1), dtype=np.int64)
    with ThreadPoolExecutor(max(1, workers)) as pool:
        for index, found in enumerate(pool.map(attempt, range(len(reader)))):
            if isinstance(found, Finding):
                report(found)
            else:
                counts[index] = found
            advance(1)
    return MaskTable(np.array([str(path) for path in reader.mask_paths]), counts)


def examine(
    readers: Mapping[str, MaskReader],
    description: Description,
    *,
    report: Report,
    workers: int,
    advance: Callable[[int], object],
) -> dict[str, Examined]:
    """Count and check the masks of each split.

    Args:
        readers: of the splits, which agree on their classes.
        description: of the segmenter that is to be trained.
        report: takes the findings.
        workers: threads that read masks.
        advance: told how many masks were looked at.
    """
    examined = {}
    for role, reader in readers.items():
        table = read_table(reader, workers=workers, advance=advance, report=report)
        check_masks(table, reader.classes, report, split=role)
        whole = table.counts.sum(axis=0)
        values = {"ignored": float(whole[-1] / max(1, whole.sum()))}
        examined[role] = Examined(count_masks(table, reader.classes), table.counts[:, :-1] > 0, values)
    return examined


def check_files(name: str, readers: Collection[MaskReader], *, blamed: set[Path], report: Report) -> None:
    """Report masks without an image; images without a mask are no images of the data set."""
    check_lone_masks(readers, report)


def plot_labels(readers: Mapping[str, MaskReader], description: Description, out: Path) -> None:
    """Draw nothing: masks have no sizes."""
