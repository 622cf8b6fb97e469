"""What is known of a split in shards before any of them is read: arrays of its samples, none of them taken on trust."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load

from data.bounded.content import MOST_BYTES
from data.classes import ClassTable
from data.config import DatasetConfig
from data.errors import InputError, first_line
from data.shards.index import INDEX, Index, check_hash, parse_index
from data.splits import Part
from data.storage import is_remote, is_there, read_object

LONGEST_NAME = 4096  # bytes, as those of a path; all names take the room of the longest
LARGEST_SIDE = 2**31 - 1  # pixels
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

    def refuse(self, found: str, expected: str) -> InputError:
        """Return the error of arrays that hold what tasks.shard does not write."""
        return InputError(f"{self.place}/{INDEX}: samples: {found}; expected {expected}")


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
    content = read_object(f"{place}/{index.samples.file}", most=index.samples.bytes, patience=config.patience)
    check_hash(content, index.samples.sha256, f"{place}/{index.samples.file}")
    try:
        classes, arrays = ClassTable.from_dict(index.classes), load(content)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{place}: {first_line(error)}; expected what tasks.shard writes") from error
    split = Split(place, index, classes, arrays)
    check_arrays(split, PLACES)
    if not 0 <= arrays["shard"].min(initial=0) <= arrays["shard"].max(initial=0) < max(1, len(index.shards)):
        raise split.refuse(f"shard: beyond the {len(index.shards)} shards", "one of these")
    check_spans(split, "offset", "length")
    if not ((arrays["size"] >= 1) & (arrays["size"] <= LARGEST_SIDE)).all():
        raise split.refuse("size: of an image without pixels, or with more than any has", "its height and width")
    return split


def check_arrays(split: Split, wanted: Shapes) -> None:
    """Check the types and shapes of arrays of N samples.

    Raises:
        InputError: naming the first that is wrong.
    """
    for name, (kind, shape) in wanted.items():
        check_array(split, name, kind, (split.index.images, *shape))


def check_array(split: Split, name: str, kind: str, shape: tuple[int, ...]) -> None:
    """Check the type and the shape of an array.

    Raises:
        InputError: naming it.
    """
    array = split.arrays.get(name)
    if array is None or array.dtype.str != kind or array.shape != shape:
        found = "missing" if array is None else f"{array.dtype} {array.shape}"
        raise split.refuse(f"{name}: {found}", f"{kind} {shape}")


def check_spans(split: Split, offset: str, length: str) -> None:
    """Check that parts of shards are within them.

    Args:
        split: whose shards are known.
        offset: name of the array of where they begin.
        length: and of that of their bytes.

    Raises:
        InputError: naming the first that is not, and its shard.
    """
    files = split.index.shards
    numbers, offsets, lengths = (split.arrays[name] for name in ("shard", offset, length))
    sizes = np.array([file.bytes for file in files], dtype=np.int64)[numbers]
    within = (offsets >= 0) & (offsets <= sizes) & (lengths >= 0) & (lengths <= sizes - offsets)
    if not within.all():
        first = int(np.flatnonzero(~within)[0])
        file = files[numbers[first]]
        found = f"{offset}, {length}: {lengths[first]} bytes from {offsets[first]} of {file.file}"
        raise split.refuse(found, f"a part of its {file.bytes} bytes")


def check_counts(split: Split, labels: str) -> None:
    """Check how many labels each image has: as many as there are, in all.

    Raises:
        InputError: if they have not.
    """
    check_arrays(split, {"count": ("<i8", ())})
    counts, total = split.arrays["count"], np.size(split.arrays.get(labels, ()))
    if not (0 <= counts.min(initial=0) <= counts.max(initial=0) <= total == counts.sum()):
        raise split.refuse(f"count: not that of {total} labels", "how many of these each image has")


def pack_names(names: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return names as bytes behind one another, (B,) uint8, and where each ends, (N,) int64."""
    encoded = [name.encode("utf-8", "surrogateescape") for name in names]
    ends = np.cumsum([len(name) for name in encoded], dtype=np.int64)
    return np.frombuffer(b"".join(encoded), np.uint8), ends


def unpack_names(content: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Return the names that `pack_names` packed: (N,) strings.

    Raises:
        ValueError: if these are no such arrays, or a name is none.
    """
    if content.dtype != np.uint8 or ends.dtype != np.int64 or content.ndim != 1 or ends.ndim != 1:
        raise ValueError(f"{content.dtype} {content.shape}, {ends.dtype} {ends.shape} are no names and their ends")
    starts = np.concatenate([np.zeros(1, np.int64), ends])
    lengths = np.diff(starts)
    if starts[-1] != len(content) or not 0 < lengths.min(initial=1) <= lengths.max(initial=1) <= LONGEST_NAME:
        raise ValueError(f"a name without letters, or of more than {LONGEST_NAME} bytes")
    whole = content.tobytes()
    names = [whole[a:b].decode("utf-8", "surrogateescape") for a, b in pairwise(starts.tolist())]
    return np.array(names, dtype=str)


def _is_split(place: str, patience: float) -> bool:
    """Tell whether there is an index."""
    path = f"{place}/{INDEX}"
    return is_there(path, patience=patience) if is_remote(path) else Path(path).is_file()
