"""What there is of each class, in a few lines, so that a wrong table is seen before training."""

import numpy as np

from data.errors import InputError
from data.readers import Reader

SHOWN = 20  # classes, those with the most


def check_labels(train: Reader, val: Reader) -> None:
    """Check that there is something to learn from, and something to be found in what a run is evaluated on.

    Raises:
        InputError: if there is nothing.
    """
    needs = (("train", train, "a model learns from them"), ("val", val, "they decide which epoch is the best"))
    for role, reader, need in needs:
        tally = reader.tally()
        if tally.complete and not tally.amounts.any():
            found = f"no {tally.unit} that count in {len(reader)} images"
            raise InputError(f"dataset.{role}: {found}; expected some, as {need}")


def describe_classes(train: Reader, val: Reader) -> list[str]:
    """Return lines on the classes of two readers: boxes, or shares of the pixels in some masks, of each in both.

    Raises:
        InputError: if a mask cannot be read.
    """
    train_tally, val_tally = train.tally(), val.tally()
    names, amounts = train.classes.names, train_tally.amounts
    order = np.argsort(-amounts, kind="stable")
    shown = [
        f"{names[k]} {train_tally.form.format(amounts[k])} / {train_tally.form.format(val_tally.amounts[k])}"
        for k in order[:SHOWN].tolist()
    ]
    more = f", and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    lines = [f"{len(names)} classes; {train_tally.shown} for training / evaluation: {', '.join(shown)}{more}"]
    absent = [name for name, amount in zip(names, amounts.tolist(), strict=True) if not amount]
    if train_tally.complete and absent:
        lines.append(f"{len(absent)} classes have no {train_tally.unit} to train on: {', '.join(absent[:SHOWN])}")
    return lines
