"""Masks against their images, before the first step: there is one for each, of its size, with a readable header."""

from collections import Counter
from itertools import repeat
from pathlib import Path

import numpy as np

from data.findings import Finding, Report, fault
from data.image_headers import Header, describe_size
from data.images import inspect_image, read_mask_size
from data.labels import MaskFiles
from data.orientation import choose_upright
from data.reading import read_all
from data.sizes import Size


def check_pairs(files: MaskFiles, *, report: Report) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Check the images of a split and their masks before the first step, reading headers only.

    Reports images that share a name, masks that are missing or of another size than their image, and headers that are
    unreadable.

    Returns:
        The paths of the N images that can be used, and of their masks, as numpy string arrays: blocks of memory that
        workers share; (N, 2) int64, their height and width in pixels; and (N,) bool, whether the masks are those of the
        upright pictures, else of the raw pixels.
    """
    twice = sorted(name for name, count in Counter(path.stem for path in files.images).items() if count > 1)
    if twice:
        found = f"{len(twice)} names stand for several images: {twice[:5]}"
        report(Finding("error", "name of several images", str(files.folder), found, "expected unique names"))
    source = f"images and masks of {files.folder}"
    read = read_all(_inspect, files.images, files.masks, repeat(files.painted), source=source, report=report)
    rows = zip(files.images, files.masks, read, strict=True)
    good = [(image, mask, *header_and_size) for image, mask, header_and_size in rows if header_and_size is not None]
    images, masks, headers, sizes = zip(*good, strict=True) if good else ((),) * 4
    names = [str(path) for path in images]
    upright = choose_upright(headers, sizes, names=names, source=str(files.folder), report=report)
    return (
        np.array(names, dtype=str),
        np.array([str(path) for path in masks], dtype=str),
        np.array(sizes, dtype=np.int64).reshape(-1, 2),
        upright,
    )


def _inspect(image: Path, mask: Path, painted: bool) -> tuple[Header, Size]:
    """Return the header of an image, and (height, width) of its mask, which must be the image's, raw or upright."""
    if not mask.is_file():
        raise fault("image without a mask", image, "has no mask", f"expected {mask}")
    size = read_mask_size(mask, painted=painted)
    header = inspect_image(image)
    if size not in (header.raw, header.upright):
        found = f"mask is {describe_size(size)}, its image {describe_size(header.upright)}"
        raise fault("size of a mask", mask, found, f"expected the size of {image}")
    return header, size
