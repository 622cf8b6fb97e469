"""The data.yaml of a YOLO data set (https://docs.ultralytics.com/datasets/detect), each value as it is written.

YAML 1.1 guesses what a plain text means: `no` would be false, `02146` 1126 and `12:30` 750. Here they are texts.
"""

import re
from pathlib import Path
from typing import Any

from data.bounded.content import read_content
from data.bounded.yaml_values import MOST_BYTES, parse_yaml
from data.errors import InputError

FILES = ("data.yaml", "data.yml", "dataset.yaml")
NOTHING = ("", "~", "null", "Null", "NULL")  # how YAML writes that a key has no value


COUNT = re.compile(r"0*[1-9]\d{0,5}")  # of key points, of numbers


def find_yaml(root: Path) -> Path | None:
    """Return the yaml file that describes a data set: `root` itself, data.yaml in it, or the only one there."""
    if root.suffix in (".yaml", ".yml"):
        return root
    for name in FILES:
        if (root / name).is_file():
            return root / name
    others = sorted(path for path in root.iterdir() if path.suffix in (".yaml", ".yml"))
    return others[0] if len(others) == 1 else None


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a data.yaml: strings, lists and dicts; keys without a value are left out.

    Raises:
        InputError: if it is missing, is no yaml, or holds no dict.
    """
    try:
        content = parse_yaml(read_content(path, most=MOST_BYTES), as_written=True)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not yaml ({error}); expected train, val and names") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: holds a {type(content).__name__}; expected train, val and names")
    return {key: value for key, value in content.items() if value not in NOTHING}


def parse_names(value: object, where: str) -> list[str]:
    """Return class names in the order of their indices: of a list, or of a dict from 0.

    Raises:
        InputError: if they are neither, or not all different.
    """
    names = value
    if isinstance(value, dict) and set(value) == {str(index) for index in range(len(value))}:
        names = [value[str(index)] for index in range(len(value))]
    texts = [str(name) for name in names] if isinstance(names, list | tuple) else []
    if not texts or len(set(texts)) < len(texts) or "" in texts:
        raise InputError(f"{where}: {value!r}; expected different names, a list or a dict from 0")
    return texts


def parse_places(value: object, where: str) -> list[str]:
    """Return a string or a list of strings as a list.

    Raises:
        InputError: if it is neither.
    """
    values = value if isinstance(value, list) else [value]
    places = [place for place in values if isinstance(place, str) and place]
    if len(places) < len(values):
        raise InputError(f"{where}: {value!r}; expected a folder, a list of folders or a .txt file of image paths")
    return places


def parse_keypoints(value: object, where: str) -> int:
    """Return how many numbers the key points of an object take, of [points, numbers a point]; 0 without a value.

    Raises:
        InputError: if it is of another form.
    """
    if value is None:
        return 0
    if not (isinstance(value, list) and len(value) == 2 and all(COUNT.fullmatch(str(v)) for v in value)):
        raise InputError(f"{where}: {value!r:.200}; expected [points, numbers a point], such as [17, 3]")
    return int(value[0]) * int(value[1])
