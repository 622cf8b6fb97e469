"""What is in a folder of images: which files are images, also in folders below it, and which are ignored."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from data.errors import InputError
from data.findings import Finding, Report
from data.image_headers import HEIF_SUFFIXES
from data.images import EXTENSIONS, is_image

OTHERS = (  # suffixes of files that are known to be no images, beside which images may lie
    *(".txt", ".xml", ".json", ".yaml", ".yml", ".csv", ".tsv", ".md", ".html", ".names", ".labels", ".data", ".cache"),
    *(".npy", ".npz", ".db", ".ini", ".log", ".py", ".sh", ".zip"),
)
WANTED = "expected .jpg, .png or similar"
NAMED = 4  # suffixes in a message


def list_files(folder: Path) -> list[Path]:
    """Return the files in a folder and in those below it, sorted; hidden ones are left out.

    Folders that are symbolic links are entered too, each place once, as links may lead in a circle.
    """
    return sort_paths(Path(place, name) for place, names in walk(folder) for name in names)


def sort_paths(paths: Iterable[Path]) -> list[Path]:
    """Return paths sorted as `sorted` does, in a fraction of the time."""
    return sorted(paths, key=lambda path: path.parts)


def list_names(folder: Path) -> set[str]:
    """Return the files that `list_files` lists, relative to the folder, with / between their parts."""
    base = len(os.fspath(folder))
    pairs = ((Path(place[base:].lstrip(os.sep)).as_posix(), names) for place, names in walk(folder))
    return {name if part == "." else f"{part}/{name}" for part, names in pairs for name in names}


def walk(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield a folder and those below it, with the names of the files in each; see `list_files`."""
    seen = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        folders[:] = [] if real in seen else [name for name in folders if not name.startswith(".")]
        if real not in seen:
            yield place, [name for name in names if not name.startswith(".")]
        seen.add(real)


def join_names(folder: Path, names: Iterable[str]) -> list[str]:
    """Return the paths of names in a folder, as `str(folder / name)` but in a fraction of the time."""
    base = str(folder / "_")[:-1]
    return [str(folder / name) if "/" in name or name in ("", ".") else base + name for name in names]


def find_images_below(folder: Path) -> list[Path]:
    """Return the image files in a folder and in those below it, sorted."""
    return sort_paths(
        Path(place, name)
        for place, names in walk(folder)
        for name in names
        if os.path.splitext(name)[1].lower() in EXTENSIONS  # noqa: PTH122  # of 100,000 names
    )


def report_left_out(images: Iterable[str | Path], *, source: object, report: Report) -> None:
    """Report the files beside images that are ignored, though they may be images of another format.

    Args:
        images: those that are used.
        source: of their labels, for the report.
        report: takes a warning.
    """
    used = set(map(str, images))
    folders = map(Path, {os.path.dirname(image) for image in used})  # noqa: PTH120  # of 100,000 paths
    beside = {path for folder in folders if folder.is_dir() for path in join_names(folder, os.listdir(folder))}  # noqa: PTH208
    left = sorted(path for path in map(Path, beside - used) if _may_show(path))
    if left:
        found = f"ignored {len(left)} files beside the images: {count_suffixes(left)} (first: {left[0]})"
        places = tuple(map(str, left))
        report(Finding("warning", "file that is not read", str(source), found, advise(left), places))


def no_images(folder: Path) -> InputError:
    """Return the error of a folder in which no image is found."""
    there = list_files(folder)
    found = f" ({count_suffixes(there)} there)" if there else ""
    return InputError(f"{folder}: no images{found}; {advise(there)}")


def count_suffixes(paths: Iterable[Path]) -> str:
    """Return how many files there are of each suffix, the most frequent first: "3 .heic, 1 .psd"."""
    counts = Counter(path.suffix.lower() or "without a suffix" for path in paths)
    more = f" and {len(counts) - NAMED} other kinds" if len(counts) > NAMED else ""
    return ", ".join(f"{count} {suffix}" for suffix, count in counts.most_common(NAMED)) + more


def advise(paths: Iterable[Path]) -> str:
    """Say what to do about files that are no images."""
    if any(path.suffix.lower() in HEIF_SUFFIXES for path in paths):
        return f"{WANTED}; pip install pillow-heif to read HEIC"
    return f"{WANTED}; convert them if they are images"


def _may_show(path: Path) -> bool:
    """Tell whether a file that was not taken as an image may be one."""
    suffix = path.suffix.lower()
    if suffix in (*EXTENSIONS, *OTHERS) or path.name.startswith(".") or not path.is_file():
        return False
    return bool(suffix) or is_image(path)
