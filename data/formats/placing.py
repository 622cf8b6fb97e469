"""Where the images are that a label file names, though it was written in other folders or by another system.

File names begin with folders that were left behind, are absolute, have %20 for a blank, capitals that Windows does not
tell apart, or accents that a Mac writes as letters of their own. A name that is not there as it is written is the one
file that it can mean without all that, inside the folder of images; nothing outside it is ever looked at.
"""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from pathlib import Path, PurePath, PureWindowsPath
from urllib.parse import unquote

import numpy as np

from data.errors import InputError
from data.findings import Finding, Report
from data.folders import find_images_below, list_names
from data.formats.listing import list_tails
from data.labels import ImageList

LOCAL_FILE = "?d="  # before the path of a file in Label Studio's /data/local-files/?d=


def choose_folder(names: Sequence[str], folders: Sequence[Path]) -> Path:
    """Return the first folder that has one of the names as it is written, else in another writing, else the first."""
    inside = [name for name in names if stays_inside(name)]
    written = (folder for folder in folders if any((folder / name).is_file() for name in inside))
    meant = (folder for folder in folders if folder.is_dir() and find_meant(names, folder))
    return next(written, None) or next(meant, folders[0])


def place_images(images: ImageList, folder: Path, *, source: Path, report: Report) -> ImageList:
    """Return images with the names of their files in a folder, where these can be told.

    Args:
        images: with names as they are written, with / between their parts.
        folder: of the images.
        source: the file of the names.
        report: takes a note of names that are written otherwise, and an error for each that leaves the folder.

    Raises:
        InputError: if no image is left.
    """
    names = images.names.tolist()
    missing = set(names) - list_names(folder)
    if not missing:
        return images
    meant = {name: file for name, file in find_meant(names, folder).items() if name in missing}
    if meant:
        places = tuple(f"{name} is {file}" for name, file in meant.items())
        found = f"{len(meant)} images were not found as written (first: {places[0]})"
        report(
            Finding("note", "file name spelled differently", f"{source}: images", found, f"found in {folder}", places)
        )
    placed = [meant.get(name, name) for name in names]
    keep = [stays_inside(name) for name in placed]
    for image_id, name, kept in zip(images.ids.tolist(), names, keep, strict=True):
        if not kept:
            cure = f"expected a path inside the folder of images, {folder}"
            where = f"{source}: images[] (id {image_id}).file_name"
            report(Finding("error", "file name outside the folder", where, repr(name), cure))
    if not any(keep):
        raise InputError(f"{source}: images: none can be used; expected at least one")
    sizes = [size for size, kept in zip(images.sizes, keep, strict=True) if kept]
    return ImageList(images.ids[keep], np.array(placed, dtype=str)[keep], sizes)


def stays_inside(name: str) -> bool:
    """Tell whether a file name, of whatever system, is relative and goes up nowhere."""
    path = PureWindowsPath(name)
    return not path.anchor and ".." not in path.parts


def find_meant(names: Collection[str], folder: Path) -> dict[str, str]:
    """Return the images of a folder that names mean: name -> file, of those that mean one which no other name means."""
    files: dict[str, list[str]] = defaultdict(list)
    for path in find_images_below(folder):
        relative = path.relative_to(folder).as_posix()
        files[_fold(relative)].append(relative)
    meant = {}
    for name in names:
        found = next((files[tail] for tail in list_tails(_fold(name)) if tail in files), [])
        if len(found) == 1:
            meant[name] = found[0]
    counts = Counter(meant.values())
    return {name: file for name, file in meant.items() if counts[file] == 1}


def _fold(name: str) -> str:
    """Return a file name as all its writings have it."""
    path = PurePath(unquote(name.replace(LOCAL_FILE, "/"))).as_posix()
    return unicodedata.normalize("NFC", path).casefold()
