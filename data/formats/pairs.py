"""Images and their label files in two folders: a split and its share, and what belongs together by name."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
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


def name_stem(path: Path, folder: Path) -> str:
    """Return the path of a file relative to a folder above it, without its extension, with / between its parts."""
    return path.relative_to(folder).with_suffix("").as_posix()


def find_partners(stems: Sequence[str], folder: Path, paths: Iterable[Path]) -> list[list[Path]]:
    """Return for each name, which may have folders before it, the files of that name, whatever their extensions.

    Where none is in that folder, and the last part of the name stands for one file and for no other name, it is that
    file: images may lie one folder deeper than their labels, or labels than their images.

    Args:
        stems: the names.
        folder: of the files, which corresponds to that of the names.
        paths: of the files, in it or below.
    """
    exact, below = defaultdict(list), defaultdict(list)
    for path in paths:
        exact[name_stem(path, folder)].append(path)
        below[path.stem].append(path)
    last = [stem.rpartition("/")[2] for stem in stems]
    counts = Counter(last)
    alone = [below[name] if counts[name] == 1 and len(below[name]) == 1 else [] for name in last]
    return [exact.get(stem) or one for stem, one in zip(stems, alone, strict=True)]
