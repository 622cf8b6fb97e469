"""Small data sets of images with their classes, in every layout that is read."""

from pathlib import Path

import numpy as np
from PIL import Image


def write_images(root: Path, names: list[str], *, size: tuple[int, int] = (40, 48)) -> Path:
    """Write images of noise, (height, width) in pixels, each another."""
    for index, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(index).integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    return root


def write_folders(root: Path, *, count: int = 3) -> Path:
    """Write train/ and val/ with folders of cats and dogs, `count` images each."""
    names = [f"{split}/{name}/{n}.png" for split in ("train", "val") for name in ("dog", "cat") for n in range(count)]
    return write_images(root, names)


def write_table(root: Path, rows: list[str], *, name: str = "train.csv") -> Path:
    """Write a table, whose lines are `rows`."""
    root.mkdir(parents=True, exist_ok=True)
    (root / name).write_text("\n".join(rows) + "\n")
    return root
