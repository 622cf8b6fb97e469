"""Make shards of both splits of a data set; their indexes are written last, so that no half of one is ever read."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from data.errors import InputError
from data.findings import once, refuse
from data.shards.index import INDEX, Index
from data.shards.samples import Arrays
from data.splits import ROLES, Role
from data.storage import check_place, is_remote, is_there
from tasks.cli.folders import new_folder
from tasks.loaders import open_split
from tasks.shard.config import MB, ShardConfig
from tasks.shard.places import FolderPlace, Place, RemotePlace
from tasks.shard.writing import check_litdata, write_index, write_shards

if TYPE_CHECKING:
    from tasks.parts import Reader

logger = logging.getLogger(__name__)


def shard(config: ShardConfig) -> dict[Role, Index]:
    """Write the images and labels of config.dataset into config.out, as the splits train and val.

    Returns:
        The index of each split.

    Raises:
        InputError: if the data cannot be used, or something is there already.
        RunError: if the storage does not answer.
    """
    check_litdata()
    check_out(config)
    readers = open_readers(config)
    with open_places(config) as places:
        written = {role: write_split(config, role, reader, places[role]) for role, reader in readers.items()}
        indexes = {role: write_index(index, arrays, places[role]) for role, (index, arrays) in written.items()}
    for role, index in indexes.items():
        count, size = len(index.shards), sum(file.bytes for file in index.shards)
        logger.info("%s: %d images in %d shards, %.1f MB", role, index.images, count, size / MB)
    logger.info("written to %s; dataset=stream dataset.root=%s reads it", config.out, config.out)
    return indexes


def write_split(config: ShardConfig, role: Role, reader: "Reader", place: Place) -> tuple[Index, Arrays]:
    """Write all but the index of a split."""
    source = f"{config.dataset.describe_part(role)} of {config.dataset.name} in {config.dataset.root}"
    packing = config.recipe.task.parts.pack(reader)
    return write_shards(reader, packing, place, source=source, most=config.shard_mb * MB, title=role)


def check_out(config: ShardConfig) -> None:
    """Check that object storage can be asked, and holds nothing where shards are to go.

    Raises:
        InputError: naming what is there.
    """
    check_place(config.out, "out")
    if not is_remote(config.out):
        return
    for role in ROLES:
        place = f"{config.out.rstrip('/')}/{role}/{INDEX}"
        if is_there(place, patience=config.dataset.patience):
            raise InputError(f"out: {place} exists; expected a new name, so that nothing is lost")


def open_readers(config: ShardConfig) -> "dict[Role, Reader]":
    """Open both splits, the images of the first in the order in which they are to be written."""
    task, dataset, report = config.recipe.task, config.dataset, once(refuse)
    train = open_split(task, dataset.whole(), "train", report=report)
    val = open_split(task, dataset, "val", classes=train.classes, report=report)
    if config.shuffle is not None:
        train = train.subset(np.random.default_rng(config.shuffle).permutation(len(train)).tolist())
    return {"train": train, "val": val}


@contextmanager
def open_places(config: ShardConfig) -> Iterator[dict[Role, Place]]:
    """Give where each split is written; what was written into a folder is removed where the others fail."""
    if is_remote(config.out):
        with TemporaryDirectory() as folder:
            root = config.out.rstrip("/")
            yield {
                role: RemotePlace(f"{root}/{role}", Path(folder) / role, patience=config.dataset.patience)
                for role in ROLES
            }
        return
    with new_folder(Path(config.out).expanduser(), named=True) as out:
        places: dict[Role, Place] = {role: FolderPlace(out / role) for role in ROLES}
        try:
            yield places
        except BaseException:
            for place in places.values():
                place.remove()
            raise
