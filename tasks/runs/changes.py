"""What a run is made of, noted at each start; what has changed when it is resumed is refused.

inputs.json holds the configuration, the code and every image with what tells whether it changed. Runs of before this
file have the hash of data.json alone.
"""

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data.bounded.content import hash_file
from data.classes import ClassTable
from data.errors import InputError
from data.inventory import Change, compare_inventories, take_inventory
from data.readers import Reader
from tasks.files import write_text
from tasks.parsing import flatten
from tasks.runs.environment import PACKAGES, list_packages
from tasks.runs.forms import Data, Inputs
from tasks.runs.reading import read_json
from tasks.runs.recording import DATA

logger = logging.getLogger(__name__)

INPUTS = "inputs.json"
MOST_INPUTS = 2**30  # bytes of it: about 100 for each image
FREE = (  # options that may differ: they change where things are and what is seen, not what is computed
    "dataset.root",
    "dataset.workers",
    "dataset.timeout",
    "dataset.cache",
    "dataset.cache_gb",
    "trainer.progress_bar",
    "trainer.save_every",
    "trainer.devices",
    "trainer.timeout",
    "logger",
    "out",
    "resume",
    "resume_anyway",
    "debug",
)
FORMATS = ("*.py", "*.yaml")
MOST_CLASSES = 5  # in a message
SOURCES = ("backbones", "conf", "data", "heads", "tasks")
ROOT = Path(__file__).parents[2]


def list_inputs(config: Mapping[str, Any], readers: Mapping[str, Reader], *, deep: bool) -> dict[str, Any]:
    """Return what a run is made of, as plain values.

    Args:
        config: of the run, as plain values.
        readers: of its splits, by "train" and "val".
        deep: whether the files of the data are read and hashed.
    """
    inventories = {split: take_inventory(reader, deep=deep) for split, reader in readers.items()}
    versions = {**list_packages(PACKAGES), "code": hash_code()}
    return {"config": flatten(config), "versions": versions, "data": inventories}


def check_inputs(out: Path, inputs: Mapping[str, Any], readers: Mapping[str, Reader], *, anyway: bool) -> None:
    """Compare what a run is made of with what it was made of, and log a table of what changed.

    Args:
        out: folder of the run.
        inputs: see `list_inputs`.
        readers: of its splits, by "train" and "val".
        anyway: whether the user insists.

    Raises:
        InputError: if something changed, unless the user insists.
    """
    before = read_json(out / INPUTS, Inputs, most=MOST_INPUTS)
    changes = find_changes(before, inputs) if before else compare_hashes(read_json(out / DATA, Data), readers)
    if not changes:
        return
    for line in format_table(changes):
        logger.warning(line)
    if not anyway:
        count = "1 thing has" if len(changes) == 1 else f"{len(changes)} things have"
        raise InputError(
            f"resume: {count} changed since {out} was started, see above; expected the same data, configuration and "
            "code, or resume_anyway=true to go on with what there is now"
        )


def write_inputs(out: Path, inputs: Mapping[str, Any]) -> None:
    """Note what a run is made of."""
    write_text(out / INPUTS, json.dumps(inputs))  # on one line: it has four values for each image


def check_classes(known: ClassTable, found: ClassTable, *, out: Path) -> None:
    """Check that the data have the classes that a run learns, in their order.

    Raises:
        InputError: if they differ; nobody can insist, as each output of the network means one class.
    """
    if known.names == found.names:
        return
    differing = [f"{name!r} is gone" for name in known.names if name not in found.names]
    differing += [f"{name!r} is new" for name in found.names if name not in known.names]
    pairs = enumerate(zip(known.names, found.names, strict=False))
    differing = differing or [f"class {index} was {a!r} and is {b!r}" for index, (a, b) in pairs if a != b]
    raise InputError(
        f"resume: the classes of the data changed since {out} was started: {'; '.join(differing[:MOST_CLASSES])}; "
        "expected the same in the same order, or a new run with weights=" + f"{out}/model.safetensors"
    )


def find_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[Change]:
    """Return what differs between two notes of what a run is made of."""
    changes = []
    for part in ("config", "versions"):
        old, new = before.get(part, {}), now[part]
        names = [name for name in {**old, **new} if name not in FREE and old.get(name) != new.get(name)]
        changes += [Change(name, str(old.get(name)), str(new.get(name))) for name in names]
    for split, inventory in now["data"].items():
        recorded = before.get("data", {}).get(split)
        if recorded is not None:
            changes += compare_inventories(split, recorded, inventory)
    return changes


def compare_hashes(data: Mapping[str, Any], readers: Mapping[str, Reader]) -> list[Change]:
    """Return which splits have another hash than a data.json says; none where it says nothing."""
    splits = data.get("splits", {})
    known = {split: splits[split]["sha256"] for split in readers if "sha256" in splits.get(split, {})}
    found = {split: readers[split].fingerprint()["sha256"] for split in known}
    return [Change(f"{split}: hash", known[split], found[split]) for split in known if known[split] != found[split]]


def hash_code() -> str:
    """Return a hash of this program's own code and configurations."""
    digest = hashlib.sha256()
    for folder in SOURCES:
        for path in sorted(file for form in FORMATS for file in (ROOT / folder).rglob(form)):
            digest.update(f"{path.relative_to(ROOT)} {hash_file(path)}\n".encode())
    return digest.hexdigest()[:16]


def format_table(changes: list[Change]) -> list[str]:
    """Write changes as lines, one below the other."""
    rows = [Change("changed", "before", "now"), *changes]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    return [f"{row.what:{widths[0]}}  {row.before:{widths[1]}}  {row.now}".rstrip() for row in rows]
