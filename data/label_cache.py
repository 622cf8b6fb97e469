"""Labels that took long to read, kept as arrays in the user's cache for the next start.

An entry is known by what it was read from, byte for byte or file by file, and by the code that read it, so it is never
stale; what is damaged, or not as this code writes it, counts as missing. Nothing is written into a data set.
"""

import hashlib
import logging
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from data.bounded.content import read_content
from data.user_cache import find_folder, hash_code, remove_oldest

logger = logging.getLogger(__name__)

MOST_BYTES = 2**31  # of all entries
LEAST_BYTES = 2**22  # of labels that are worth an entry
DIGEST = 32  # bytes of SHA-256, before the arrays
SUFFIX = ".labels"
KIND = "labels"  # folder in the user's cache

Arrays = dict[str, np.ndarray]


def find_entry(kind: str, origin: str) -> Path:
    """Return the path of an entry.

    Args:
        kind: of what it holds.
        origin: a hash of all that it is read from.
    """
    return find_folder(KIND) / (hashlib.sha256(f"{kind} {origin} {hash_code()}".encode()).hexdigest() + SUFFIX)


def load_entry(path: Path) -> Arrays | None:
    """Return the arrays of an entry; None where there is none, or it is damaged."""
    try:
        content = read_content(path, most=MOST_BYTES)
        os.utime(path)  # the oldest are removed first
    except (OSError, ValueError):
        return None
    arrays = memoryview(content)[DIGEST:]
    if hashlib.sha256(arrays).digest() != content[:DIGEST]:
        return None
    try:
        return load(bytes(arrays))
    except (SafetensorError, ValueError, KeyError, TypeError):
        return None


def save_entry(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write an entry, whole or not at all, and remove the oldest beyond MOST_BYTES; where that fails there is none.

    It need not have reached the disk: one that a power cut spoiled does not fit its hash.
    """
    content = save(dict(arrays))
    if len(content) + DIGEST > MOST_BYTES:
        return
    part = path.with_name(f"{path.stem}.{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_oldest(path.parent, most=MOST_BYTES - len(content) - DIGEST)
        with part.open("wb") as file:
            file.write(hashlib.sha256(content).digest())
            file.write(content)
        part.replace(path)
    except OSError as error:
        logger.info("labels are not kept for the next start: %s", error)
        with suppress(OSError):
            part.unlink(missing_ok=True)
