"""What the folders of masks share: finding a split, and its share."""

from collections.abc import Sequence
from pathlib import Path

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
