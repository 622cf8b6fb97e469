"""Masks against their images, before the first step: there is one for each, of its size, with a readable header."""

from collections import Counter
from itertools import repeat
from pathlib import Path

import numpy as np

from data.findings import Finding, Report, fault
from data.images import describe_size, read_all, read_mask_size, read_sizes
from data.labels import MaskFiles
from data.sizes import Size


def check_pairs(files: MaskFiles, *, report: Report) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Check the images of a split and their masks before the first step, reading headers only.

    Reports images that share a name, masks that are missing or of another size than their image, and headers that are
    unreadable.

    Returns:
        The paths of the N images that can be used, and of their masks, as numpy string arrays: blocks of memory that
        workers share; and (N, 2) int64, their height and width in pixels.
    """
    twice = sorted(name for name, count in Counter(path.stem for path in files.images).items() if count > 1)
    if twice:
        found = f"{len(twice)} names stand for several images: {twice[:5]}"
        report(Finding("error", "name of several images", str(files.folder), found, "expected unique names"))
    source = f"images and masks of {files.folder}"
    sizes = read_all(_pair_size, files.images, files.masks, repeat(files.painted), source=source, report=report)
    good = [pair for pair in zip(files.images, files.masks, sizes, strict=True) if pair[2] is not None]
    return (
        np.array([str(image) for image, _, _ in good]),
        np.array([str(mask) for _, mask, _ in good]),
        np.array([size for _, _, size in good], dtype=np.int64).reshape(-1, 2),
    )


def _pair_size(image: Path, mask: Path, painted: bool) -> Size:
    """Return (height, width) of a mask, checked against its image (raw or upright, as `load_image` takes it)."""
    if not mask.is_file():
        raise fault("image without a mask", image, "has no mask", f"expected {mask}")
    size = read_mask_size(mask, painted=painted)
    raw, upright = read_sizes(image)
    if size not in (raw, upright):
        found = f"mask is {describe_size(size)}, its image {describe_size(upright)}"
        raise fault("size of a mask", mask, found, f"expected the size of {image}")
    return size
