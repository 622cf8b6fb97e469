"""Every image of a split with what tells whether it changed, and two such lists beside each other.

Pixels are known by the size and the time of their file, or where that is asked for by its hash; boxes by a hash, masks
as images are. Names are relative to the folder that all images lie in, and times are whole seconds, as some archives
keep no more: so a data set may be moved.
"""

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

from data.readers import Reader

Inventory = dict[str, list[Any]]  # columns of N values: name, bytes, modified, labels, content
MOST_NAMES = 3  # in a line of a table


class Change(NamedTuple):
    """One line of a table: what differs, what it was, and what it is."""

    what: str
    before: str
    now: str


def take_inventory(reader: Reader, *, deep: bool) -> Inventory:
    """List the images of a split.

    Args:
        reader: of the split.
        deep: whether all files are read and hashed.
    """
    paths = [str(path) for path in reader.image_paths]
    folder = os.path.commonpath({os.path.dirname(path) for path in paths})  # noqa: PTH120  # of 100,000 paths
    sizes, times = reader.files.measure()
    return {
        "name": [path.removeprefix(folder).lstrip(os.sep) for path in paths],
        "bytes": sizes,
        "modified": times,
        "labels": reader.stamp_labels(deep=deep),
        "content": reader.files.hash_all() if deep else [],
    }


def compare_inventories(split: str, before: Inventory, now: Inventory) -> list[Change]:
    """Return what differs between two lists of one split; none where nothing does."""
    rows, found = (dict(zip(part["name"], range(len(part["name"])), strict=True)) for part in (before, now))
    missing = [name for name in rows if name not in found]
    new = [name for name in found if name not in rows]
    shared = [name for name in rows if name in found]
    changes = [Change(f"{split}: images", str(len(rows)), str(len(found)))] if len(rows) != len(found) else []
    changes += list_names(f"{split}: images removed", missing) + list_names(f"{split}: images added", new)
    if not (missing or new) and before["name"] != now["name"]:
        changes.append(Change(f"{split}: order of the images", *(list_few(part["name"]) for part in (before, now))))
    for column, what in choose_columns(before, now).items():
        differing = [name for name in shared if before[column][rows[name]] != now[column][found[name]]]
        changes += list_names(f"{split}: {what}", differing)
    return changes


def choose_columns(before: Inventory, now: Inventory) -> dict[str, str]:
    """Return which columns tell about a change, with words for it; the time of a file says nothing beside its hash."""
    hashed = before["content"] and now["content"]
    pixels = {"content": "images changed"} if hashed else {"bytes": "images of another size in bytes"}
    times = {} if hashed else {"modified": "images written since"}
    return {**pixels, **times, "labels": "labels changed"}


def list_names(what: str, names: Sequence[str]) -> list[Change]:
    """Return a line about images, none where there are none."""
    return [Change(f"{what}: {len(names)}", "", list_few(names))] if names else []


def list_few(names: Sequence[str]) -> str:
    """Name the first few."""
    return ", ".join(names[:MOST_NAMES]) + (", ..." if len(names) > MOST_NAMES else "")
