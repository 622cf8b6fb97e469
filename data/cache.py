"""Decoded images kept in memory, once for all loading processes: from the second epoch on nothing is decoded.

Pixels are kept as the reader gives them, before anything random, so that samples are the same bit for bit. Files are
not kept as they are: the system does that already, and decoding them is most of the work. `data.disk_cache` keeps what
memory has no room for.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from data.config import count_beside
from data.errors import InputError
from data.readers import Reader

Cached = TypeVar("Cached", bound=Reader)

SHARE = 0.9  # of the free memory that the pixels may take
SHARED_MEMORY = Path("/dev/shm")
CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
GIB = 2**30


class PixelSource(Protocol):
    """What gives the pixels of samples where they are not kept yet."""

    def read_pixels(self, index: int) -> tuple[np.ndarray, ...]:
        """Read the arrays of one sample, (H, W, 3) or (H, W) uint8, from their files."""

    def pixel_origin(self, index: int) -> tuple[list[Path], str]:
        """Return the files that these arrays are read from, and what else decides them."""


class PixelCache:
    """Room for the pixels of N samples, which are read from their files the first time only.

    It is one block of shared memory, taken whole at the start: what one process has read, all have, and the memory does
    not grow with their number. What it gives are views that cannot be written to.

    Args:
        sizes: (N, 2) int64, height and width in pixels.
        channels: of the arrays of a sample: an image has 3, a mask 1.
    """

    def __init__(self, sizes: np.ndarray, channels: tuple[int, ...]) -> None:
        self._sizes = sizes
        self._channels = channels
        self._offsets = np.concatenate([[0], np.cumsum(count_bytes(sizes, channels))])  # sample i has bytes i to i + 1
        self._pixels = make_shared(int(self._offsets[-1]))
        self._there = make_shared(len(sizes))  # 1 where a sample's pixels are

    def get(self, index: int, reader: PixelSource) -> list[np.ndarray]:
        """Return the arrays of a sample, (H, W, 3) or (H, W) uint8; they are read where they are not there yet."""
        pixels = self._pixels[int(self._offsets[index]) : int(self._offsets[index + 1])].numpy()
        views = view_arrays(pixels, self._sizes[index], self._channels)
        if not self._there[index]:
            for view, values in zip(views, reader.read_pixels(index), strict=True):
                view[...] = values
            self._there[index] = 1  # after the pixels: two processes that read the same sample write the same
        for view in views:
            view.flags.writeable = False
        return views


def view_arrays(pixels: np.ndarray, size: np.ndarray, channels: tuple[int, ...]) -> list[np.ndarray]:
    """Return the arrays of a sample, (H, W, 3) or (H, W) uint8, whose pixels stand one behind the other.

    Args:
        pixels: (B,) uint8.
        size: (2,) int64, height and width in pixels.
        channels: of each array.
    """
    (height, width), start, views = size.tolist(), 0, []
    for count in channels:
        stop = start + height * width * count
        views.append(pixels[start:stop].reshape((height, width, count) if count > 1 else (height, width)))
        start = stop
    return views


def make_shared(count: int) -> Tensor:
    """Return `count` zeros, uint8, that processes share; as `share_memory_`, but never there twice."""
    return torch.empty(0, dtype=torch.uint8).set_(torch.UntypedStorage._new_shared(count))


def cache_readers(readers: Sequence[Cached]) -> list[Cached]:
    """Return readers of the same samples that keep their pixels in memory.

    Raises:
        InputError: if their pixels take more than is free.
    """
    needed = sum(int(count_bytes(reader.pixel_sizes, reader.channels).sum()) for reader in readers)
    needed *= count_beside()  # each has its own
    free, where = find_free_memory()
    if needed > SHARE * free:
        found = f"the decoded images take {needed / GIB:.2f} GiB, and {free / GIB:.2f} GiB are free {where}"
        raise InputError(f"dataset.cache=memory: {found}; expected at most {SHARE:.0%} of that, or dataset.cache=none")
    return [reader.cached() for reader in readers]


def count_bytes(sizes: np.ndarray, channels: tuple[int, ...]) -> np.ndarray:
    """Return how many bytes the pixels of samples take: (N,) int64; of one sample a number.

    Args:
        sizes: (N, 2) int64, height and width in pixels; or (2,).
        channels: of the arrays of a sample.
    """
    areas: np.ndarray = sizes.prod(axis=-1)
    return areas * sum(channels)


def find_free_memory(*, shared: bool = True) -> tuple[int, str]:
    """Return the bytes that may be taken, by default to share between processes, and what sets this limit, in words."""
    limits = [(_free_memory(), "in this machine's memory")]
    if shared and SHARED_MEMORY.is_dir():
        limits.append((shutil.disk_usage(SHARED_MEMORY).free, f"in {SHARED_MEMORY} (in a container: --shm-size)"))
    if CGROUP_LIMIT.is_file() and (limit := CGROUP_LIMIT.read_text().strip()).isdigit():
        used = CGROUP_LIMIT.with_name("memory.current")
        held = int(used.read_text()) if used.is_file() else 0
        limits.append((max(0, int(limit) - held), "to this container"))
    return min(limits)


def _free_memory() -> int:
    """Return the free bytes of the machine; all of its memory where the system does not say."""
    table = Path("/proc/meminfo")
    if not table.is_file():
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    rows = dict(line.split(":") for line in table.read_text().splitlines())
    return int(rows["MemAvailable"].split()[0]) * 1024
