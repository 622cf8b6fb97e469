"""What the folder-of-masks readers share: finding a split and checking its images against their masks."""

from collections import Counter
from collections.abc import Sequence
from itertools import repeat
from pathlib import Path

import numpy as np

from data.findings import Finding, Report, fault
from data.images import describe_size, read_all, read_mask_size, read_sizes
from data.sizes import Size
from data.splits import Part


def split_names(folder: Path) -> list[str]:
    """Return the names of the folders in `folder`, sorted."""
    return sorted(path.name for path in folder.iterdir() if path.is_dir())


def find_split(folder: Path, part: Part) -> Path:
    """Return the folder of a split in `folder`.

    Raises:
        InputError: if that folder is missing, naming the splits that there are.
    """
    found = next((folder / name for name in part.names if (folder / name).is_dir()), None)
    if found is None:
        raise part.missing(folder, f"one of {split_names(folder)}")
    return found


def take_part(images: Sequence[Path], part: Part) -> list[Path]:
    """Return the images that belong to a part of their split."""
    keep = part.select([path.name for path in images])
    return [path for path, kept in zip(images, keep, strict=True) if kept]


def check_pairs(
    images: Sequence[Path], masks: Sequence[Path], *, folder: Path, report: Report, painted: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Check the images of a split and their masks before the first step, reading headers only.

    Reports images that share a name, masks that are missing or of another size than their image, and headers that are
    unreadable.

    Args:
        images: paths that exist.
        masks: the path of each image's mask, which may not exist.
        folder: the folder that the images were looked for in, for the messages.
        report: takes what is wrong.
        painted: whether masks hold colours.

    Returns:
        The paths of the N images that can be used, and of their masks, as numpy string arrays: blocks of memory that
        workers share; and (N, 2) int64, their height and width in pixels.
    """
    twice = sorted(name for name, count in Counter(path.stem for path in images).items() if count > 1)
    if twice:
        found = f"{len(twice)} names stand for several images: {twice[:5]}"
        report(Finding("error", "name of several images", str(folder), found, "expected unique names"))
    sizes = read_all(_pair_size, images, masks, repeat(painted), source=f"images and masks of {folder}", report=report)
    good = [pair for pair in zip(images, masks, sizes, strict=True) if pair[2] is not None]
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
