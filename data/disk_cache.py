"""Decoded images kept in files of the user's cache, for all runs: they are mapped into memory, not decoded again.

A sample has a file, named by a hash of what decides its pixels: path, size, times and number of its files, how they are
decoded, and the code that does so. A file that changes has another name then, so that nothing is ever stale. Each ends
with its own hash; what is damaged is decoded again.

The folder is parted by the names' first digits, and each part has its share of the bytes, so that processes keep within
the bound without asking each other. Where a part is full, what no run has used for an hour makes room, the oldest
first; what is in use does not: a run that needs more than there is room for would push out what it comes back to.
"""

import hashlib
import logging
import mmap
import os
import secrets
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch

from data.bounded.content import open_regular
from data.cache import Cached, PixelSource, count_bytes, make_shared, view_arrays
from data.config import GB
from data.user_cache import PART, find_folder, hash_code, remove_oldest

logger = logging.getLogger(__name__)

KIND = "pixels"  # folder in the user's cache
PARTS = 64
UNUSED = 3600.0  # seconds after which an entry may make room
FRESH = 2.0  # seconds: a file of so young a time may change once more without another time
RESERVE = 2**30  # bytes of the disk that are left to others
DIGEST = 32  # bytes of SHA-256, behind the pixels


class DiskCache:
    """The pixels of N samples in files.

    Args:
        sizes: (N, 2) int64, height and width in pixels.
        channels: of the arrays of a sample: an image has 3, a mask 1.
        most: bytes of all entries, of whatever data set.
    """

    def __init__(self, sizes: np.ndarray, channels: tuple[int, ...], *, most: int) -> None:
        self._sizes, self._channels, self._most = sizes, channels, most
        self._folder, self._code = find_folder(KIND), hash_code()
        # Shared by all processes of a run: of each sample the entry that is whole, and whether no more are written.
        self._whole = make_shared(8 * len(sizes)).view(torch.int64)
        self._ended = make_shared(1)

    def get(self, index: int, reader: PixelSource) -> list[np.ndarray]:
        """Return the arrays of a sample, (H, W, 3) or (H, W) uint8, that cannot be written to."""
        key = self._find_key(index, reader)
        pixels = None if key is None else self._load(index, key)
        if pixels is not None:
            return view_arrays(pixels, self._sizes[index], self._channels)
        arrays = list(reader.read_pixels(index))
        if key is not None and key == self._find_key(index, reader):  # nothing changed while it was read
            self._save(key, arrays)
        for array in arrays:
            array.flags.writeable = False
        return arrays

    def _find_key(self, index: int, reader: PixelSource) -> str | None:
        """Return the name of a sample's entry; None where its files are not there, or were changed just now."""
        files, rest = reader.pixel_origin(index)
        found, now = [self._code, rest, str(self._sizes[index].tolist())], time.time()
        for path in files:
            try:
                file = path.stat()
            except OSError:
                return None
            if now - max(file.st_mtime, file.st_ctime) < FRESH:
                return None
            times = f"{file.st_mtime_ns} {file.st_ctime_ns}"
            found.append(f"{path.absolute()} {file.st_ino} {file.st_size} {times}")
        return hashlib.sha256("\n".join(found).encode("utf-8", "surrogateescape")).hexdigest()

    def _find_path(self, key: str) -> Path:
        return self._folder / f"{int(key[:8], 16) % PARTS:02d}" / key

    def _load(self, index: int, key: str) -> np.ndarray | None:
        """Map an entry and return its pixels (B,) uint8; None where there is none, or it is damaged."""
        count = int(count_bytes(self._sizes[index], self._channels))
        try:
            with open_regular(self._find_path(key)) as file:
                entry = os.fstat(file.fileno())
                if entry.st_size != count + DIGEST:
                    return None
                if time.time() - entry.st_mtime > UNUSED / 4:
                    os.utime(file.fileno())
                if not self._is_known(index, key):
                    content = file.read()  # where the disk cannot be read, this is an error, and a mapping would kill
                    if hash_pixels(key, [content[:count]]) != content[count:]:
                        return None
                    self._whole[index] = shorten(key)
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError):
            return None
        return np.frombuffer(mapped, np.uint8, count)

    def _is_known(self, index: int, key: str) -> bool:
        """Tell whether this run has found the entry whole before."""
        return int(self._whole[index]) == shorten(key)

    def _save(self, key: str, arrays: Sequence[np.ndarray]) -> None:
        """Write an entry, whole or not at all, where there is room; it need not have reached the disk."""
        if self._ended[0]:
            return
        path, size = self._find_path(key), sum(array.nbytes for array in arrays) + DIGEST
        part = path.with_name(f"{key}.{secrets.token_hex(4)}{PART}")
        most = self._most // PARTS - size
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if most < 0 or remove_oldest(path.parent, most=most, before=time.time() - UNUSED) > most:
                return
            if shutil.disk_usage(path.parent).free < size + RESERVE:
                raise OSError(f"less than {RESERVE / GB:.1f} GB are free")
            with part.open("wb") as file:
                for array in arrays:
                    file.write(np.ascontiguousarray(array).data)
                file.write(hash_pixels(key, arrays))
            part.replace(path)
        except OSError as error:
            self._ended[0] = 1
            logger.warning("dataset.cache=disk: no more decoded images are kept in %s: %s", self._folder, error)
            with suppress(OSError):
                part.unlink(missing_ok=True)


def hash_pixels(key: str, arrays: Sequence[np.ndarray | bytes]) -> bytes:
    """Return the hash of an entry's name and its pixels."""
    digest = hashlib.sha256(key.encode())
    for array in arrays:
        digest.update(array if isinstance(array, bytes) else np.ascontiguousarray(array).data)
    return digest.digest()


def shorten(key: str) -> int:
    """Return enough of a key to tell two entries of a sample apart, as int64 that is not 0."""
    return int(key[:15], 16) + 1


def keep_on_disk(readers: Sequence[Cached], *, most: int) -> list[Cached]:
    """Return readers of the same samples that keep their pixels on the disk, and say where these are not all kept.

    Args:
        readers: of a run.
        most: bytes of all entries, of whatever data set.
    """
    needed = sum(int(count_bytes(reader.pixel_sizes, reader.channels).sum()) for reader in readers)
    if needed > most:
        logger.warning(
            "dataset.cache=disk: the decoded images take %.1f GB; with dataset.cache_gb=%g about %.0f%% of them are "
            "kept, the others are decoded in each epoch",
            needed / GB,
            most / GB,
            100 * most / needed,
        )
    return [reader.cached(DiskCache(reader.pixel_sizes, reader.channels, most=most)) for reader in readers]
