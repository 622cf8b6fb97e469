"""What the folder-of-masks readers share: finding a split and checking its images against their masks."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data.errors import InputError
from data.images import Size, describe_size, read_all, read_mask_size, read_sizes


def split_names(folder: Path) -> list[str]:
    """Return the names of the folders in `folder`, sorted."""
    return sorted(path.name for path in folder.iterdir() if path.is_dir())


def find_split(folder: Path, split: str) -> Path:
    """Return `folder / split`.

    Raises:
        InputError: if that folder is missing, naming the splits that there are.
    """
    if not (folder / split).is_dir():
        raise InputError(f"{folder}: no split {split!r}; expected one of {split_names(folder)}")
    return folder / split


def check_pairs(images: Sequence[Path], masks: Sequence[Path], *, folder: Path) -> np.ndarray:
    """Check the images of a split and their masks before the first step, reading headers only.

    Args:
        images: paths that exist.
        masks: the path of each image's mask, which may not exist.
        folder: the folder that the images were looked for in, for the messages.

    Returns:
        (N, 2) int64, height and width in pixels.

    Raises:
        InputError: if two images share a name, a mask is missing, a header is unreadable, or a mask is not
            single-channel or of another size than its image.
    """
    twice = [name for name, count in Counter(path.stem for path in images).items() if count > 1]
    if twice:
        raise InputError(f"{folder}: {len(twice)} names stand for several images: {twice[:5]}; expected unique names")
    missing = [str(mask) for mask in masks if not mask.is_file()]
    if missing:
        first = ", ".join(missing[:3])
        raise InputError(f"{folder}: {len(missing)} of {len(masks)} images have no mask; expected {first}")
    return np.array(read_all(_pair_size, images, masks, source=str(folder)), dtype=np.int64)


def _pair_size(image: Path, mask: Path) -> Size:
    """Return (height, width) of a mask, checked against its image (raw or upright, as `load_image` takes it)."""
    size = read_mask_size(mask)
    raw, upright = read_sizes(image)
    if size not in (raw, upright):
        found = f"mask is {describe_size(size)}, its image {describe_size(upright)}"
        raise InputError(f"{mask}: {found}; expected the size of {image}")
    return size
