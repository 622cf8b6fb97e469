"""What there is of each class, in a few lines, so that a wrong table is seen before training."""

from typing import Any

import numpy as np

from data.samples import IGNORE, spread

SHOWN = 20  # classes, those with the most
SAMPLED = 24  # masks


def describe_classes(train: Any, val: Any) -> list[str]:
    """Return lines on the classes of two readers: boxes, or shares of the pixels in some masks, of each in both.

    Raises:
        InputError: if a mask cannot be read.
    """
    if hasattr(train, "count_boxes"):
        what, counts, text = "boxes", [reader.count_boxes() for reader in (train, val)], "{:d}"
    else:
        what, text = f"share of the pixels of up to {SAMPLED} masks", "{:.1%}"
        counts = [measure_shares(reader) for reader in (train, val)]
    names = train.classes.names
    order = np.argsort(-counts[0], kind="stable")
    shown = [f"{names[k]} {text.format(counts[0][k])} / {text.format(counts[1][k])}" for k in order[:SHOWN].tolist()]
    more = f", and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    lines = [f"{len(names)} classes; {what} to train on / to be evaluated on: {', '.join(shown)}{more}"]
    if what == "boxes" and not counts[0].all():
        absent = [name for name, count in zip(names, counts[0].tolist(), strict=True) if not count]
        lines.append(f"{len(absent)} classes have no boxes to train on: {', '.join(absent[:SHOWN])}")
    return lines


def measure_shares(reader: Any) -> np.ndarray:
    """Return (K,) shares of the pixels that are not ignored, in masks spread over a reader."""
    counts = sum(
        np.bincount(reader.read_mask(index).ravel(), minlength=IGNORE + 1) for index in spread(len(reader), SAMPLED)
    )
    known: np.ndarray = np.asarray(counts)[: len(reader.classes)]
    return known / max(1, known.sum())
