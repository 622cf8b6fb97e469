"""Where a YOLO data set has its images, labels and names (https://docs.ultralytics.com/datasets/detect)."""

from collections.abc import Sequence
from dataclasses import dataclass
from os.path import commonpath
from pathlib import Path
from typing import Any

import yaml

from data.errors import InputError
from data.images import EXTENSIONS
from data.splits import Part

NAME_FILES = ("classes.txt", "labels/classes.txt", "obj.names", "data/obj.names")
LAYOUTS = ("images/{split}", "{split}/images", "{split}")  # Ultralytics', Roboflow's, darknet's with labels beside


@dataclass(frozen=True)
class Layout:
    """One split of a YOLO data set.

    Attributes:
        source: data.yaml, or the folder where there is none.
        folder: that the names of the images are relative to.
        images: their N paths, sorted; those that a list names may not exist.
        names: the K class names in the order of their indices.
        keypoints: whether lines hold key points after the box, as those of poses do.
    """

    source: Path
    folder: Path
    images: list[Path]
    names: list[str]
    keypoints: bool = False


def find_layout(root: Path, part: Part, *, names: Sequence[str] | None) -> Layout:
    """Find the images of a split and the names of the classes; nothing that a data.yaml says is run or fetched.

    Args:
        root: the folder of the data set, or its yaml file.
        part: which split: a key of data.yaml, or a folder.
        names: of the classes, where they are not to be those of the files.

    Raises:
        InputError: if data.yaml cannot be read, there is no such split, or nothing names the classes.
    """
    file = find_yaml(root)
    content = read_yaml(file) if file else {}
    root = file.parent if file else root
    entries = next((content[key] for key in part.names if content.get(key)), None)
    if entries is None:
        places = [place.format(split=key) for key in part.names for place in LAYOUTS]
        folder = next((root / place for place in places if (root / place).is_dir()), None)
        if folder is None:
            wanted = ", ".join(places)
            raise part.missing(file or root, f"{'the key or ' if file else 'data.yaml or '}one of the folders {wanted}")
        images = list_folder(folder)
    else:
        given = names_of_files(entries, f"{file}: {part.split}")
        images = [image for entry in given for image in list_entry(root, entry, content.get("path"), file=file)]
    if not images:
        raise InputError(f"{file or root}: no images in split {part.split!r}; expected .jpg, .png or alike")
    images = sorted(set(images))
    return Layout(
        source=file or root,
        folder=Path(commonpath([image.parent for image in images])),
        images=images,
        names=find_names(root, content, file=file, given=names),
        keypoints=bool(content.get("kpt_shape")),
    )


def find_yaml(root: Path) -> Path | None:
    """Return the yaml file that describes a data set: `root` itself, data.yaml in it, or the only one there."""
    if root.suffix in (".yaml", ".yml"):
        return root
    for name in ("data.yaml", "data.yml", "dataset.yaml"):
        if (root / name).is_file():
            return root / name
    others = sorted(path for path in root.iterdir() if path.suffix in (".yaml", ".yml"))
    return others[0] if len(others) == 1 else None


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a data.yaml as plain values.

    Raises:
        InputError: if it is missing, is no yaml, or holds no dict.
    """
    try:
        content = yaml.safe_load(path.read_bytes())
    except (OSError, yaml.YAMLError, RecursionError, ValueError) as error:
        raise InputError(f"{path}: not yaml ({' '.join(str(error).split())}); expected train, val and names") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: holds a {type(content).__name__}; expected train, val and names")
    return content


def names_of_files(value: Any, where: str) -> list[str]:
    """Return a text or a list of texts as a list, or raise InputError."""
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(v, str) and v for v in values):
        raise InputError(f"{where}: {value!r}; expected a folder, a list of folders or a .txt file of image paths")
    return values


def list_entry(root: Path, entry: str, base: Any, *, file: Path | None) -> list[Path]:
    """Return the images of one entry of a split: of a folder, or those that a text file lists.

    Raises:
        InputError: if it is not there, or `base`, the file's `path`, is no text.
    """
    if not isinstance(base, str | None):
        raise InputError(f"{file}: path: {base!r}; expected a folder")
    bases = [root / base, root] if base else [root]  # where the file was made may be another machine
    entries = [entry, entry.removeprefix("../")]  # Roboflow counts from a folder of the root
    found = next((path for b in bases for e in entries if (path := b / e).exists()), None)
    if found is None:
        raise InputError(f"{file}: {entry}: no such folder or file in {root}; expected images, or a .txt list of them")
    if found.is_dir():
        return list_folder(found)
    lines = [line.strip() for line in read_text(found).splitlines()]
    return [place_listed(line, found.parent, root) for line in lines if line]


def place_listed(line: str, folder: Path, root: Path) -> Path:
    """Return the path of a listed image: from the list's folder where it begins with ./, else from the root."""
    if line.startswith("./"):
        return folder / line[2:]
    return next((base / line for base in (root, folder) if (base / line).is_file()), root / line)


def list_folder(folder: Path) -> list[Path]:
    """Return the images in a folder and its folders; hidden files are left out."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() in EXTENSIONS)
    return [path for path in found if not path.name.startswith(".")]


def find_label_folder(folder: Path) -> Path:
    """Return where the labels of a folder of images are: in `labels` where that is in `images`, else beside them."""
    parts = list(folder.parts)
    if "images" in parts:
        parts[len(parts) - 1 - parts[::-1].index("images")] = "labels"
    labels = Path(*parts)
    return labels if labels.is_dir() else folder


def find_names(root: Path, content: dict[str, Any], *, file: Path | None, given: Sequence[str] | None) -> list[str]:
    """Return the class names: those given, data.yaml's, or those of a file of names.

    Raises:
        InputError: if there are none, or they are no texts.
    """
    where, names = "dataset.names", given
    if names is None and "names" in content:
        where, names = f"{file}: names", content["names"]
        if isinstance(names, dict) and sorted(names, key=str) == sorted(range(len(names)), key=str):
            names = [names[index] for index in range(len(names))]
    path = next((root / name for name in NAME_FILES if (root / name).is_file()), None)
    if names is None and path is not None:
        where, names = str(path), [line.strip() for line in read_text(path).splitlines() if line.strip()]
    if names is None:
        raise InputError(f"{root}: no class names; expected data.yaml, {', '.join(NAME_FILES)} or dataset.names=[a,b]")
    texts = [str(name) for name in names] if isinstance(names, list | tuple) else []
    if not texts or len(set(texts)) < len(texts):
        raise InputError(f"{where}: {names!r}; expected different names, a list or a dict from 0")
    return texts


def read_text(path: Path) -> str:
    """Read a text file.

    Raises:
        InputError: if it cannot be read as UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error}); expected text in UTF-8") from error


def relative_names(images: list[Path], folder: Path) -> list[str]:
    """Return the paths of images relative to a folder that they are in, with / between their parts."""
    return [image.relative_to(folder).as_posix() for image in images]
