"""Masks against their images, before the first step: there is one for each, of its size, with a readable header."""

from collections import Counter
from itertools import repeat
from pathlib import Path

import numpy as np

from data.findings import Finding, Report, fault
from data.folders import report_left_out
from data.image_headers import Header, describe_size
from data.images import inspect_image, read_mask_size
from data.labels import MaskFiles
from data.orientation import choose_upright
from data.reading import read_all
from data.sizes import MOST_PIXELS, Size

LOSSY = (".jpg", ".jpeg", ".webp")  # formats that masks may have been written in by mistake


def check_pairs(
    files: MaskFiles, *, most_pixels: int = MOST_PIXELS, report: Report
) -> tuple[MaskFiles, np.ndarray, np.ndarray]:
    """Check the images of a split and their masks before the first step, reading headers only.

    Reports images that share a name, masks that are missing or of another size than their image, and headers that are
    unreadable.

    Returns:
        The N images that can be used, with their masks; (N, 2) int64, their height and width in pixels; and (N,) bool,
        whether the masks are those of the upright pictures, else of the raw pixels.
    """
    if files.packed is not None:
        usable = files.packed.find_usable(most_pixels=most_pixels, report=report)
        return files.take(usable.tolist()), files.packed.sizes[usable], files.packed.upright[usable]
    report_left_out(files.images, source=files.folder, report=report)
    twice = sorted(name for name, count in Counter(files.names).items() if count > 1)
    if twice:
        found = f"{len(twice)} names are shared by several images: {twice[:5]}"
        report(Finding("error", "name of several images", str(files.folder), found, "expected unique names"))
    source = f"images and masks of {files.folder}"
    settings = repeat(files.color_coded), repeat(most_pixels)
    read = read_all(_inspect, files.images, files.masks, *settings, source=source, report=report)
    files = files.take([found is not None for found in read])
    headers, sizes = zip(*(found for found in read if found is not None), strict=True) if files.images else ((), ())
    names = [str(path) for path in files.images]
    upright = choose_upright(headers, sizes, names=names, source=str(files.folder), report=report)
    return files, np.array(sizes, dtype=np.int64).reshape(-1, 2), upright


def _inspect(image: Path, mask: Path, color_coded: bool, most_pixels: int) -> tuple[Header, Size]:
    """Return the header of an image, and (height, width) of its mask, which must be the image's, raw or upright."""
    if not mask.is_file():
        lossy = next((other for suffix in LOSSY if (other := mask.with_suffix(suffix)).is_file()), None)
        found = "has no mask" if lossy is None else f"has no mask but {lossy.name}, whose format changes values"
        raise fault("image without a mask", image, found, f"expected {mask}")
    size = read_mask_size(mask, color_coded=color_coded)
    header = inspect_image(image, most_pixels=most_pixels)
    if size not in (header.raw, header.upright):
        found = f"mask is {describe_size(size)}, its image {describe_size(header.upright)}"
        raise fault("size of a mask", mask, found, f"expected the size of {image}")
    return header, size
