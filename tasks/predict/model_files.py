"""The files that a checkpoint consists of, as another machine needs them all, and what it is known by."""

import hashlib
from pathlib import Path

from data.bounded.content import hash_file
from tasks.formats.contract import CONTRACT
from tasks.formats.table import find_format


def list_model_files(checkpoint: Path) -> dict[str, Path]:
    """Return the files of a checkpoint by their names relative to its folder; none of one that is known by a name."""
    kind, folder = find_format(checkpoint), checkpoint.parent
    if kind is None:
        return {checkpoint.name: checkpoint} if checkpoint.is_file() else {}
    parts = [*kind.list_files(checkpoint), folder / CONTRACT]
    files = sorted(file for part in parts for file in (part, *part.rglob("*")) if file.is_file())
    return {file.relative_to(folder).as_posix(): file for file in files}


def identify(checkpoint: Path) -> str:
    """Return what a checkpoint is known by: the hash of its files, or its name."""
    hashes = [hash_file(file) for file in list_model_files(checkpoint).values()]
    return hashlib.sha256("".join(hashes).encode()).hexdigest() if hashes else str(checkpoint)
