"""Where a YOLO data set has its images, labels and names: Ultralytics', Roboflow's, CVAT's or darknet's folders."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from data.errors import InputError
from data.findings import Finding, Report
from data.folders import find_images_below, no_images, sort_paths
from data.formats.listing import list_tails, read_listing
from data.formats.yolo_names import find_names
from data.formats.yolo_yaml import find_yaml, parse_keypoints, parse_places, read_yaml
from data.images import EXTENSIONS
from data.splits import Part

SPLITS = ("train", "val", "valid", "test")  # keys of data.yaml
LAYOUTS = (  # of a split
    "images/{split}",  # Ultralytics
    "{split}/images",  # Roboflow
    "{split}",  # darknet, labels beside
    "{split}.txt",  # CVAT: a list
)
WHOLE = ("images", "obj_train_data", ".")  # of a data set that is one split: Label Studio, CVAT, labels beside


@dataclass(frozen=True)
class YoloLayout:
    """One split of a YOLO data set.

    Attributes:
        source: data.yaml, or the folder where there is none.
        folder: that the names of the images are relative to.
        images: their N paths, sorted; those that a list names may not exist.
        names: the K class names in the order of their indices.
        keypoints: numbers that follow a box, of key points; 0 without them.
        task: what data.yaml says that the labels are for: "detect", "segment", "obb", "pose"; "" where it does not say.
    """

    source: Path
    folder: Path
    images: list[Path]
    names: list[str]
    keypoints: int = 0
    task: str = ""


def find_layout(root: Path, part: Part, *, names: Sequence[str] | None, report: Report) -> YoloLayout:
    """Find the images of a split and the names of the classes; nothing that a data.yaml says is run or fetched.

    Args:
        root: the folder of the data set, or its yaml file.
        part: which split: a key of data.yaml, or a folder.
        names: of the classes, where they are not to be those of the files.
        report: takes what is worth knowing of lists.

    Raises:
        InputError: if data.yaml cannot be read, there is no such split, or nothing names the classes.
    """
    file = find_yaml(root)
    content = read_yaml(file) if file else {}
    root = file.parent if file else root
    base = content.get("path")
    if not isinstance(base, str | None):
        raise InputError(f"{file}: path: {base!r}; expected a folder")
    key = next((key for key in part.names if key in content), None)
    if key is not None:
        others = [e for k in SPLITS if k in content and k != key for e in parse_places(content[k], f"{file}: {k}")]
        entries = [
            find_entry(root, entry, base, where=f"{file}: {key}", others=others, report=report)
            for entry in parse_places(content[key], f"{file}: {key}")
        ]
    else:
        entries = [find_folder(root, part, file=file)]
    images = [image for entry in entries for image in list_entry(entry, root, report=report)]
    if not images:
        raise no_images(entries[0])
    if any(image.is_absolute() for image in images):  # which a list may name though the root is relative
        images = [make_absolute(image) for image in images]
    images = sort_paths(set(images))
    return YoloLayout(
        source=file or root,
        folder=Path(os.path.commonpath({image.parent for image in images})),
        images=images,
        names=find_names(content, list_name_folders(root, entries), file=file, given=names, report=report),
        keypoints=parse_keypoints(content.get("kpt_shape"), f"{file}: kpt_shape"),
        task=str(content.get("task", "")),
    )


def make_absolute(path: Path) -> Path:
    """Return a path from the root, without ..; links stay as they are."""
    plain = path.is_absolute() and ".." not in path.parts
    return path if plain else Path(os.path.abspath(path))  # noqa: PTH100


def find_folder(root: Path, part: Part, *, file: Path | None) -> Path:
    """Return the folder, or the list, of a split that no data.yaml names.

    A data set that has no splits is taken whole where a share of it is evaluated on.

    Raises:
        InputError: if there is no such split.
    """
    places = [place.format(split=key) for key in part.names for place in LAYOUTS]
    found = next((root / place for place in places if (root / place).exists()), None)
    if found is not None:
        return found
    whole = next((root / place for place in WHOLE if (root / place).is_dir() and find_images_below(root / place)), None)
    if whole is not None and part.share is not None:
        return whole
    wanted = f"{'the key or ' if file else 'data.yaml or '}one of {', '.join(places)}"
    there = list_candidates(root)
    wanted += f" (there: {', '.join(there[:8])})" * bool(there)
    raise part.missing(file or root, wanted, one_split=whole is not None)


def list_candidates(root: Path) -> list[str]:
    """Return the names in a folder that may be splits: folders, and text files that are no image's labels."""
    paths = sorted(root.iterdir())
    stems = {path.stem for path in paths if path.suffix.lower() in EXTENSIONS}
    return [path.name for path in paths if path.is_dir() or (path.suffix == ".txt" and path.stem not in stems)]


def find_entry(root: Path, entry: str, base: str | None, *, where: str, others: Sequence[str], report: Report) -> Path:
    """Return the folder, or the list, that an entry of data.yaml names.

    Its first folders may be those of another machine, unless it would be the place of another split without them.

    Args:
        root: the folder of the data set.
        entry: as it is written.
        base: what data.yaml says that entries are relative to.
        where: the entry stands, for messages.
        others: the entries of other splits.
        report: takes a note of an entry of another machine.

    Raises:
        InputError: if it is not there.
    """
    bases = [root / base, root] if base else [root]  # where the file was made may be another machine
    written = entry.replace("\\", "/")
    entries = [written, written.removeprefix("../")]  # Roboflow counts from a folder of the root
    found = next((path for b in bases for e in entries if (path := b / e).exists()), None)
    if found is not None:
        return found
    moved = locate(entry, bases)
    if moved is None or moved in [locate(other, bases) for other in others if other != entry]:
        raise InputError(f"{where}: {entry}: no such folder or file in {root}; expected images, or a .txt list of them")
    report(Finding("note", "path from another place", where, f"{entry} was not found as written", f"taken as {moved}"))
    return moved


def locate(entry: str, bases: Sequence[Path]) -> Path | None:
    """Return what an entry of data.yaml names, without its first folders where they are not there."""
    tails = list_tails(entry.replace("\\", "/"))
    return next((path for tail in tails for base in bases if (path := base / tail).exists()), None)


def list_entry(entry: Path, root: Path, *, report: Report) -> list[Path]:
    """Return the images in a folder and in those below it, or those that a text file lists.

    Reports images that are listed twice, and paths that are not there but begin with folders of another machine.
    """
    if entry.is_dir():
        return find_images_below(entry)
    lines = read_listing(entry)
    images = [place_listed(line, entry.parent, root) for line in lines]
    pairs = zip((line.removeprefix("./") for line in lines), images, strict=True)
    moved = [f"{line} is {image}" for line, image in pairs if not image.as_posix().endswith(line)]
    if moved:
        found = f"{len(moved)} paths were not found as written (first: {moved[0]})"
        report(Finding("note", "path from another place", str(entry), found, f"looked for in {root}", tuple(moved)))
    if len(set(images)) < len(images):
        found = f"{len(images) - len(set(images))} images are listed twice"
        report(Finding("note", "image listed twice", str(entry), found, "each is taken once"))
    return images


def place_listed(line: str, folder: Path, root: Path) -> Path:
    """Return the path of a listed image: from the list's folder where it begins with ./, else from the root.

    What is not there is looked for without its first folders, which may be those of another machine.
    """
    if line.startswith("./"):
        return folder / line[2:]
    places = (base / tail for tail in list_tails(line) for base in (root, folder))
    return next((place for place in places if place.is_file()), root / line)


def list_label_folders(folder: Path) -> list[Path]:
    """Return where the labels of a folder of images may be: in `labels` where that is in `images`, or less deep there.

    They are beside the images where there is no such folder.
    """
    parts = list(folder.parts)
    if "images" not in parts:
        return [folder]
    last = len(parts) - 1 - parts[::-1].index("images")
    parts[last] = "labels"
    places = (Path(*parts[:end]) for end in range(len(parts), last, -1))
    return [place for place in places if place.is_dir()] or [folder]


def find_labels(images: Sequence[Path]) -> list[Path]:
    """Return the label file of each image, in the first of its label folders that has it; else where none is."""
    places = {folder: list_label_folders(folder) for folder in {image.parent for image in images}}
    known = {place: list_regular(place) for folders in places.values() for place in folders}
    found = []
    for image in images:
        name, folders = f"{image.stem}.txt", places[image.parent]
        there = (folder for folder in folders if name in known[folder] or (folder / name).is_file())
        found.append(next(there, folders[0]) / name)
    return found


def list_regular(folder: Path) -> set[str]:
    """Return the names of the files in a folder, which may not be there."""
    if not folder.is_dir():
        return set()
    with os.scandir(folder) as entries:
        return {entry.name for entry in entries if entry.is_file()}


def list_name_folders(root: Path, entries: Sequence[Path]) -> list[Path]:
    """Return the folders that class names may be in: the root, and those of the split's images and labels."""
    splits = [entry if entry.is_dir() else entry.parent for entry in entries]
    labels = [folder for split in splits for folder in list_label_folders(split)]
    return [root, root / "labels", root / "data", *splits, *labels]


def relative_names(images: list[Path], folder: Path) -> list[str]:
    """Return the paths of images relative to a folder that they are in, with / between their parts."""
    return [image.relative_to(folder).as_posix() for image in images]
