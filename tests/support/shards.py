"""Small data sets of each task in files, and the shards that are made of them."""

from dataclasses import replace
from pathlib import Path

import pytest

from data.config import DatasetConfig
from tests.support import sound_sets
from tests.support.class_trees import write_folders

SETS = {  # by task: how it is written, and the options that read it
    "ssdlite": (sound_sets.write_coco, ("dataset=coco", "dataset.train=train", "dataset.val=val")),
    "lraspp": (sound_sets.write_masks, ("dataset=masks", "dataset.names=[car,bus]")),
    "classify": (lambda root: write_folders(root, count=9), ("dataset=folder",)),
}
SMALL = 40_000  # bytes of a shard: a few images


def write_files(task: str, root: Path) -> tuple[str, ...]:
    """Write the data set of a task as files, and return the options that read it."""
    write, options = SETS[task]
    write(root)
    return (f"task={task}", *options, f"dataset.root={root}", "dataset.workers=0")


def write_shards(out: Path | str, *options: str, bytes_each: int = SMALL) -> DatasetConfig:
    """Make small shards of a data set, and return the configuration that reads them."""
    pytest.importorskip("litdata")
    from tasks.shard import command
    from tests.support.runs import load_config

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "MB", bytes_each)
        command.shard(load_config("shard", *options, "shard_mb=1", f"out={out}"))
    return replace(load_config("doctor", "dataset=stream", f"dataset.root={out}").dataset, workers=0)
