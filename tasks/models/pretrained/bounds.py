"""What a file of weights may hold, looked at before its reader does: sizes that are said, not those of the file.

A zip archive of 4 MB, as torch.save writes them, can hold 10 GB; a header of safetensors can be of any length.
"""

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from torch import Tensor

from data.bounded.content import BoundError, open_regular
from data.bounded.json_values import parse_json

MOST_WEIGHTS = 2**30  # bytes of all tensors together; a training checkpoint of the largest network here takes 700 MB
MOST_PICKLED = 2**22  # bytes of what is no tensor; ours take 300 KB
MOST_HEADER = 2**24  # bytes of a safetensors header
MOST_ENTRIES = 50_000  # of an archive
PICKLE = "data.pkl"
END, END64, LOCATOR, ENTRY = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", b"PK\x01\x02"
LONGEST_END = 22 + 65_535  # bytes that the end of an archive begins within
UNSET = 0xFFFFFFFF  # a size that stands in the entry's 64-bit field


def check_weight_file(path: Path) -> None:
    """Check by what a file says of itself that reading it takes no more than a model's does.

    Raises:
        OSError: if it cannot be read.
        ValueError: if it says more, or what cannot be.
    """
    with open_regular(path) as file:
        size = file.seek(0, 2)
        if size > MOST_WEIGHTS + MOST_HEADER:
            raise BoundError(f"{size:,} bytes; expected at most {MOST_WEIGHTS + MOST_HEADER:,}")
        file.seek(0)
        if path.suffix == ".safetensors":
            check_header(file, size)
        elif file.read(2) == b"PK":
            check_archive(file, size)


def check_header(file: BinaryIO, size: int) -> None:
    """Check the header of a safetensors file: its length, its nesting, its tensors' places.

    Raises:
        ValueError: if it says more than the file holds, or than is read of one.
    """
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > size - 8:
        raise BoundError(
            f"says that {length:,} bytes of header follow; expected at most the {max(0, size - 8):,} there"
        )
    if length > MOST_HEADER:
        raise BoundError(f"a header of {length:,} bytes; expected at most {MOST_HEADER:,}")
    header = parse_json(file.read(length))
    if not isinstance(header, dict) or len(header) > MOST_ENTRIES:
        raise BoundError(f"a header that is no dict of at most {MOST_ENTRIES:,} tensors")


def check_archive(file: BinaryIO, size: int) -> None:
    """Check the directory of a zip archive: the sizes of its entries, unpacked, together.

    Raises:
        ValueError: if they are too many or too large, or the directory is damaged.
    """
    total = 0
    for name, unpacked in list_entries(file, size):
        total += unpacked
        if name.rpartition("/")[2] == PICKLE and unpacked > MOST_PICKLED:
            raise BoundError(f"{unpacked:,} bytes of values that are no tensors; expected at most {MOST_PICKLED:,}")
        if total > MOST_WEIGHTS + MOST_HEADER:
            raise BoundError(f"unpacked it takes over {total:,} bytes; expected at most {MOST_WEIGHTS:,}")


def list_entries(file: BinaryIO, size: int) -> Iterator[tuple[str, int]]:
    """Yield name and unpacked size of each entry of a zip archive, as its one directory says them.

    Readers differ in where they look for the directory of an archive that has two; such a one is refused.

    Raises:
        ValueError: if the directory is damaged.
    """
    file.seek(max(0, size - LONGEST_END))
    tail = file.read(LONGEST_END)
    start = tail.rfind(END)
    if start < 0 or len(tail) < start + 22:
        raise BoundError("the end of its archive is missing; it was cut off")
    _, _, _, count, length, offset, _ = struct.unpack("<4H2LH", tail[start + 4 : start + 22])
    stop = size - len(tail) + start
    if tail[max(0, start - 20) : start].startswith(LOCATOR):
        (stop,) = struct.unpack("<Q", tail[start - 12 : start - 4])
        file.seek(stop)
        record = file.read(56)
        if len(record) < 56 or record[:4] != END64:
            raise BoundError("the directory of its archive is damaged")
        count, length, offset = struct.unpack("<3Q", record[32:56])
    if offset + length != stop or count > MOST_ENTRIES or length > MOST_HEADER:
        raise BoundError(f"the directory of its archive is damaged, or has more than {MOST_ENTRIES:,} entries")
    file.seek(offset)
    yield from parse_directory(file.read(length), count)


def parse_directory(directory: bytes, count: int) -> Iterator[tuple[str, int]]:
    """Yield name and unpacked size of each of the entries in an archive's directory.

    Raises:
        ValueError: if it is damaged.
    """
    place = 0
    for _ in range(count):
        head = directory[place : place + 46]
        if len(head) < 46 or head[:4] != ENTRY:
            raise BoundError("the directory of its archive is damaged")
        unpacked, name, extra, comment = struct.unpack("<L3H", head[24:34])
        more = directory[place + 46 + name : place + 46 + name + extra]
        if unpacked == UNSET:
            unpacked = read_long_size(more)
        yield directory[place + 46 : place + 46 + name].decode("utf-8", "replace"), unpacked
        place += 46 + name + extra + comment


def read_long_size(extra: bytes) -> int:
    """Return the unpacked size in an entry's 64-bit field.

    Raises:
        ValueError: if there is none.
    """
    while len(extra) >= 4:
        kind, length = struct.unpack("<2H", extra[:4])
        if kind == 1 and length >= 8:
            return int.from_bytes(extra[4:12], "little")
        extra = extra[4 + length :]
    raise BoundError("the directory of its archive is damaged")


def parse_description(text: str) -> dict[str, Any]:
    """Return the description of a model in the metadata of a safetensors file.

    Raises:
        ValueError: if it is none.
    """
    values = parse_json(text.encode("utf-8", "surrogatepass"))
    if not isinstance(values, dict):
        raise ValueError(f"a description that is a {type(values).__name__}; expected an object")
    return values


def check_real(tensors: Mapping[str, Tensor]) -> None:
    """Check that dense tensors hold the numbers that they say, once: a view can say any number of the same ones.

    Raises:
        ValueError: naming the first that does not.
    """
    total = 0
    for name, value in tensors.items():
        total += value.numel() * value.element_size()
        real = value.device.type == "cpu" and not value.is_nested
        if not real or value.numel() * value.element_size() > value.untyped_storage().nbytes():
            raise BoundError(f"{name} says that it holds {value.numel():,} numbers, more than are there")
        if total > MOST_WEIGHTS:
            raise BoundError(f"its tensors take over {total:,} bytes; expected at most {MOST_WEIGHTS:,}")
