"""The SHA-256 that the tensor files of this project hold of themselves: one changed bit anywhere in them is noticed.

A `.ckpt` is a zip archive, and has it in the archive's comment, its last bytes: "bneck sha256 " and 64 digits, of all
before them. A `.safetensors` has it in its metadata, under "bneck_sha256": of the whole file, the digits as zeros.
Both say in two places that there is one, so that one damaged bit cannot hide it. Files without, of other programs or of
earlier versions, are read as they are.
"""

import hashlib
import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import safetensors.torch
import torch
from torch import Tensor

from data.errors import InputError

MARK = b"bneck sha256 "
DIGITS = 64
COMMENT = len(MARK) + DIGITS  # bytes
END, END_BYTES = b"PK\x05\x06", 22  # how the last record of a zip archive begins, and its bytes without the comment
SHA256, SEALED = "bneck_sha256", "bneck_sealed"  # entries of the metadata; the second says that there is the first
BLANK = b"0" * DIGITS
ENTRY = re.compile(rb'"bneck_sha256":"([0-9a-f]{64})"')
MOST_HEADER = 100_000_000  # bytes; safetensors refuses more
CHUNK = 2**20  # bytes
TAIL = 4096  # bytes of the end in which a comment is looked for, as a file may be cut or longer by some


def pack_checkpoint(content: Mapping[str, Any]) -> memoryview:
    """Return the bytes of a `.ckpt`, sealed.

    Raises:
        RuntimeError: if torch writes something other than a zip archive without a comment.
    """
    buffer = io.BytesIO()
    torch.save(content, buffer)
    buffer.seek(-END_BYTES, io.SEEK_END)
    if buffer.read(len(END)) != END:
        raise RuntimeError("torch.save does not end its files as expected; they cannot be sealed")
    buffer.seek(-2, io.SEEK_END)
    buffer.write(COMMENT.to_bytes(2, "little"))
    digits = hashlib.sha256(buffer.getbuffer()).hexdigest()
    buffer.write(MARK + digits.encode())
    return buffer.getbuffer()


def pack_safetensors(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """Return the bytes of a `.safetensors`, sealed; the same for the same tensors and metadata."""
    content = safetensors.torch.save(dict(tensors))
    start = 8 + int.from_bytes(content[:8], "little")
    values = {**metadata, "format": "pt", SHA256: BLANK.decode(), SEALED: "sha256"}
    header = {"__metadata__": dict(sorted(values.items())), **json.loads(content[8:start])}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # so that the numbers stay aligned
    file = b"".join([len(text).to_bytes(8, "little"), text, content[start:]])
    digits = hashlib.sha256(file).hexdigest().encode()
    return file.replace(b'"' + BLANK + b'"', b'"' + digits + b'"', 1)


def check_seal(path: Path) -> bool:
    """Check that a file is as it was written.

    Returns:
        Whether it says so itself; False where it holds no SHA-256.

    Raises:
        InputError: if it is another than was written.
    """
    with path.open("rb") as file:
        size = path.stat().st_size
        found = _check_safetensors(file, size) if path.suffix == ".safetensors" else _check_zip(file, size)
    if found is False:
        raise InputError(
            f"{path}: damaged: it is not as it was written (its SHA-256 is another); expected a copy that is whole"
        )
    return bool(found)


def _check_zip(file: BinaryIO, size: int) -> bool | None:
    """Tell whether the SHA-256 in a zip archive's comment is that of the rest; None where there is none."""
    file.seek(max(0, size - TAIL))
    tail = file.read()
    last = tail.rfind(END)
    said = tail[last + END_BYTES - 2 : last + END_BYTES] if last >= 0 else b""  # the length of the comment
    if MARK not in tail and said != COMMENT.to_bytes(2, "little"):
        return None
    file.seek(0)
    return tail[-COMMENT:] == MARK + _hash(file, size - COMMENT).hexdigest().encode()


def _check_safetensors(file: BinaryIO, size: int) -> bool | None:
    """Tell whether the SHA-256 in the metadata is that of the file without it; None where there is none."""
    length = file.read(8)
    count = int.from_bytes(length, "little")
    if 8 + count > size or count > MOST_HEADER:
        return None  # which is not readable
    header = file.read(count)
    if SHA256.encode() not in header and SEALED.encode() not in header:
        return None
    found = ENTRY.search(header)
    if found is None:
        return False
    start, end = found.span(1)
    begin = length + header[:start] + BLANK + header[end:]
    return found[1].decode() == _hash(file, size - 8 - count, begin=begin).hexdigest()


def _hash(file: BinaryIO, count: int, *, begin: bytes = b"") -> "hashlib._Hash":
    """Hash so many bytes from where a file stands, after those in `begin`."""
    state = hashlib.sha256(begin)
    while count > 0 and (chunk := file.read(min(count, CHUNK))):
        state.update(chunk)
        count -= len(chunk)
    return state
