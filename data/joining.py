"""Several splits that are read as one, `dataset.train=[train,extra]`: no image may be in two of them."""

import os
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from data.config import DatasetConfig
from data.findings import Finding, Report
from data.readers import Reader


def find_common(paths: Sequence[Path]) -> Path:
    """Return the folder that files or folders lie in, or that one file or folder which all of them are."""
    return Path(os.path.commonpath([os.path.abspath(path) for path in paths]))  # noqa: PTH100  links stay as they are


def check_shared(splits: Sequence[str], readers: Sequence[Reader], *, report: Report) -> None:
    """Report images that two splits of a list have: they would be learned twice.

    Args:
        splits: their names.
        readers: of each.
        report: takes an error.
    """
    for (first, ours), (second, theirs) in combinations(zip(splits, readers, strict=True), 2):
        shared = sorted(list_paths(ours) & list_paths(theirs))
        if shared:
            found = f"{len(shared)} images of {second!r} are in {first!r} too (first: {shared[0]})"
            cure = "expected splits without images in common"
            report(Finding("error", "image in two splits of a list", "dataset.train", found, cure, tuple(shared)))


def check_apart(dataset: DatasetConfig, train: Reader, val: Reader, *, report: Report) -> None:
    """Report images of several splits to train on that are evaluated on too.

    Those of one split may be: who names it twice means it, while `val` is easily added to a list and left where it was.

    Args:
        dataset: says of how many splits they are.
        train: reader of the images to train on.
        val: of those to be evaluated on.
        report: takes an error.
    """
    shared = sorted(list_paths(train) & list_paths(val)) if len(dataset.parts("train")) > 1 else []
    if shared:
        found = f"{len(shared)} of {len(val)} images are in dataset.train too (first: {shared[0]})"
        cure = "expected another split, or dataset.val_share=0.2 to evaluate on a fifth of dataset.train"
        report(Finding("error", "image to train on and to evaluate on", "dataset.val", found, cure, tuple(shared)))


def list_paths(reader: Reader) -> set[str]:
    """Return the absolute paths of the images of a reader."""
    return {os.path.abspath(path) for path in reader.image_paths.tolist()}  # noqa: PTH100  links stay as they are
