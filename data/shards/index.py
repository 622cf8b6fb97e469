"""What a split in shards consists of: ROOT/SPLIT/shards.json.

shards.json is written last: a split without one is none. It names every other file with its size and its hash, and ends
with a hash of its own.
"""

import hashlib
import json
from typing import Annotated, Any

import msgspec

from data.bounded.json_values import parse_typed
from data.errors import InputError, first_line

INDEX, SAMPLES = "shards.json", "samples.safetensors"
VERSION = 1
MOST_FILE_BYTES = 2**33
MOST_IMAGES = 2**31
Name = Annotated[str, msgspec.Meta(pattern=r"\A(?!\.{1,2}\Z)[^/\\\x00]+\Z")]  # of a file in the split's folder
Size = Annotated[int, msgspec.Meta(ge=0, le=MOST_FILE_BYTES)]
Count = Annotated[int, msgspec.Meta(ge=0, le=MOST_IMAGES)]
Hash = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]  # SHA-256; it becomes the name of a file


class File(msgspec.Struct, forbid_unknown_fields=True):
    """One file of a split, by its name in the folder of that.

    Attributes:
        file: its name.
        bytes: its size.
        sha256: of its content.
    """

    file: Name
    bytes: Size
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
    images: Count
    samples: File
    shards: list[File]
    sha256: str = ""


def hash_index(index: Index) -> str:
    """Return the hash of an index, its own left out."""
    values = {name: value for name, value in msgspec.to_builtins(index).items() if name != "sha256"}
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


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


def check_hash(content: bytes, expected: str, place: str) -> None:
    """Check content against its hash.

    Raises:
        InputError: naming its file.
    """
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        wrong = f"SHA-256 is {found[:12]}..., the index has {expected[:12]}..."
        raise InputError(f"{place}: {wrong}; expected the file as tasks.shard wrote it: write it anew")
