"""Which data a command takes with a checkpoint: the checkpoint's own, changed or replaced by what was typed."""

import os
from dataclasses import replace
from pathlib import Path

from data.config import DatasetConfig
from data.errors import InputError
from data.sizes import MOST_PIXELS
from data.synthetic.recipe import is_drawn
from tasks.parsing import Partial, parse


def limit(own: DatasetConfig) -> DatasetConfig:
    """Return the data set of a checkpoint without what depends on the machine that trained it, or on its user."""
    workers = own.workers if own.workers is not None and own.workers <= (os.cpu_count() or 1) else None
    return replace(own, workers=workers, max_pixels=min(own.max_pixels, MOST_PIXELS))


def choose_dataset(
    own: DatasetConfig, wanted: Partial[DatasetConfig], *, typed_options: tuple[str, ...]
) -> DatasetConfig:
    """Return the data set to use: another one, or the checkpoint's own with what was given changed.

    Args:
        own: that of the checkpoint.
        wanted: changes to it, or another one.
        typed_options: of the command line, as they were typed.

    Raises:
        InputError: if the checkpoint's own is wanted, was drawn, and is gone: nothing is drawn because a file says so.
    """
    changes = dict(wanted.changes)
    name = str(changes.get("name") or own.name)
    if name != own.name:
        return parse(DatasetConfig, wanted.given, "dataset")
    root = str(changes.get("root", own.root))
    if "name" not in changes and name == "synthetic" and not is_drawn(Path(root)):
        raise InputError(f"dataset: the scenes in {root} are gone; dataset=synthetic draws them")
    own = limit(own)
    typed = {option.partition("=")[0].lstrip("+") for option in typed_options}
    if "dataset" in typed:  # named again: what its yaml says by default is no wish to differ from the checkpoint
        changes = {key: value for key, value in changes.items() if f"dataset.{key}" in typed}
    if "val" in changes:  # these say where the earlier split is
        changes = {"val_share": None, "annotations": None, **changes}
    return replace(own, **changes)  # type: ignore[arg-type]
