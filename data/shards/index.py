"""What is known of a split in shards before any of them is read: ROOT/SPLIT/shards.json, and arrays of all samples.

shards.json is written last: a split without one is none. It names every other file with its size and its hash, and ends
with a hash of its own.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load

from data.bounded.content import MOST_BYTES
from data.bounded.json_values import parse_typed
from data.classes import ClassTable
from data.config import DatasetConfig
from data.errors import InputError, first_line
from data.splits import Part
from data.storage import is_remote, is_there, read_object

INDEX, SAMPLES = "shards.json", "samples.safetensors"
VERSION = 1
MOST_SAMPLE_BYTES = 2**33  # of the arrays
Name = Annotated[str, msgspec.Meta(pattern=r"\A[^/\\]+\Z")]  # of a file in the split's folder, and not beyond it
Hash = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]  # SHA-256; it becomes the name of a file
Arrays = dict[str, np.ndarray]
Shapes = dict[str, tuple[str, tuple[int, ...]]]  # type and shape after the first dimension, by name
PLACES: Shapes = {  # of the arrays of N samples that every split has
    "shard": ("<i4", ()),
    "offset": ("<i8", ()),
    "length": ("<i8", ()),
    "sha256": ("|u1", (16,)),
    "size": ("<i8", (2,)),
    "upright": ("|b1", ()),
}


class File(msgspec.Struct, forbid_unknown_fields=True):
    """One file of a split, by its name in the folder of that.

    Attributes:
        file: its name.
        bytes: its size.
        sha256: of its content.
    """

    file: Name
    bytes: int
    sha256: Hash


class Index(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What shards.json holds.

    Attributes:
        version: of all that is said here.
        holds: "boxes", "masks" or "labels".
        classes: as `ClassTable.to_dict` gives it.
        numbered: whether labels name classes by their ids, see `data.labels.Labels`.
        multilabel: whether an image may show several classes.
        source: what the shards were made of, in words.
        images: how many there are.
        samples: the file of the arrays.
        shards: the files of the images.
        sha256: of all this, see `hash_index`; with it that of every other file is known.
    """

    version: int
    holds: str
    classes: dict[str, Any]
    numbered: bool = False
    multilabel: bool = False
    source: str
    images: int
    samples: File
    shards: list[File]
    sha256: str = ""


@dataclass(frozen=True)
class Split:
    """A split in shards.

    Attributes:
        place: its folder, a path or an address.
        index: of it.
        classes: the K classes.
        arrays: of all samples, by name.
    """

    place: str
    index: Index
    classes: ClassTable
    arrays: Arrays


def hash_index(index: Index) -> str:
    """Return the hash of an index, its own left out."""
    values = {name: value for name, value in msgspec.to_builtins(index).items() if name != "sha256"}
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def read_split(config: DatasetConfig, part: Part, *, holds: str) -> Split:
    """Read the index of a split.

    Args:
        config: of the data set.
        part: the split.
        holds: what the task learns from.

    Raises:
        InputError: if there is no such split, it holds something else, or it is damaged.
    """
    root = config.root.rstrip("/") if is_remote(config.root) else str(Path(config.root).expanduser())
    place = next((f"{root}/{name}" for name in part.names if _is_split(f"{root}/{name}", config.patience)), None)
    if place is None:
        raise part.missing(root, f"{root}/{part.split}/{INDEX}, as tasks.shard writes it")
    path = f"{place}/{INDEX}"
    index = parse_index(read_object(path, most=MOST_BYTES, patience=config.patience), path)
    if index.holds != holds:
        raise InputError(f"{path}: holds {index.holds}; expected {holds}, which the task learns from")
    content = read_object(f"{place}/{index.samples.file}", most=MOST_SAMPLE_BYTES, patience=config.patience)
    check_hash(content, index.samples.sha256, f"{place}/{index.samples.file}")
    try:
        classes, arrays = ClassTable.from_dict(index.classes), load(content)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{place}: {first_line(error)}; expected what tasks.shard writes") from error
    check_arrays(arrays, PLACES, index, path)
    return Split(place, index, classes, arrays)


def parse_index(content: bytes, path: str) -> Index:
    """Parse shards.json.

    Raises:
        InputError: if it is no such file, damaged, or of another version.
    """
    try:
        index = parse_typed(content, Index)
    except (ValueError, msgspec.MsgspecError) as error:
        raise InputError(f"{path}: {first_line(error)}; expected what tasks.shard writes") from error
    if index.version != VERSION:
        raise InputError(f"{path}: version {index.version}; expected {VERSION}: write the shards anew")
    if index.sha256 != hash_index(index):
        raise InputError(f"{path}: damaged, as it does not fit its own hash; expected what tasks.shard wrote")
    return index


def check_arrays(arrays: Arrays, wanted: Shapes, index: Index, path: str) -> None:
    """Check the types and shapes of arrays of N samples, and that their shards are there.

    Raises:
        InputError: naming the first that is wrong.
    """
    for name, (kind, shape) in wanted.items():
        array = arrays.get(name)
        if array is None or array.dtype.str != kind or array.shape != (index.images, *shape):
            found = "missing" if array is None else f"{array.dtype} {array.shape}"
            raise InputError(f"{path}: samples: {name}: {found}; expected {kind} {(index.images, *shape)}")
    if index.images and not 0 <= arrays["shard"].min() <= arrays["shard"].max() < len(index.shards):
        raise InputError(f"{path}: samples: shard: beyond the {len(index.shards)} shards; expected one of these")


def check_hash(content: bytes, expected: str, place: str) -> None:
    """Check content against its hash.

    Raises:
        InputError: naming its file.
    """
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        wrong = f"SHA-256 is {found[:12]}..., the index has {expected[:12]}..."
        raise InputError(f"{place}: {wrong}; expected the file as tasks.shard wrote it: write it anew")


def pack_names(names: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return names as bytes behind one another, (B,) uint8, and where each ends, (N,) int64."""
    encoded = [name.encode("utf-8", "surrogateescape") for name in names]
    ends = np.cumsum([len(name) for name in encoded], dtype=np.int64)
    return np.frombuffer(b"".join(encoded), np.uint8), ends


def unpack_names(content: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Return the names that `pack_names` packed: (N,) strings."""
    whole, starts = content.tobytes(), [0, *ends[:-1].tolist()]
    names = [whole[a:b].decode("utf-8", "surrogateescape") for a, b in zip(starts, ends.tolist(), strict=True)]
    return np.array(names, dtype=str)


def _is_split(place: str, patience: float) -> bool:
    """Tell whether there is an index."""
    path = f"{place}/{INDEX}"
    return is_there(path, patience=patience) if is_remote(path) else Path(path).is_file()
