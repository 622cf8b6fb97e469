"""From a reader to the shards of a split: LitData's chunks, and beside them an index of where each image stands.

A chunk holds items of three parts: the image file as it is, its mask as a PNG file of class indices or nothing, and
plain values as JSON, which say the same of the labels as the index does: so that a chunk can be read without it. Where
each part stands is read back from the chunk itself, and checked by its hash: LitData changes its formats now and then.
"""

import hashlib
import json
import warnings
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from PIL import Image
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from safetensors.numpy import save

from data.bounded.content import Content, hash_file, read_content
from data.errors import InputError
from data.shards.files import BYTES
from data.shards.index import INDEX, SAMPLES, VERSION, File, Index, hash_index
from data.shards.packing import Packing
from data.shards.samples import Arrays
from tasks.cli.terminal import SafeConsole
from tasks.files import write_bytes, write_json
from tasks.shard.places import Place

if TYPE_CHECKING:
    from tasks.parts import Reader

LITDATA_INDEX = "index.json"  # with which LitData itself reads the chunks
MOST_BYTES = 2**31  # of an image file
PARTS = 3  # of an item
Item = tuple[bytes, bytes, bytes]  # image, mask, values
Span = tuple[int, int]  # where a part begins in its chunk, and its bytes


def check_litdata() -> None:
    """Check that LitData is installed.

    Raises:
        InputError: if it is not.
    """
    if find_spec("litdata") is None:
        raise InputError("tasks.shard: litdata is not installed; pip install 'bneck[stream]' does it")


class ShardWriter:
    """Writes items into chunks, and notes where their images and masks stand.

    Args:
        place: where the chunks go.
        most: bytes of a chunk; one larger image has one of its own.

    Attributes:
        shards: the chunks that are written.
    """

    def __init__(self, place: Place, *, most: int) -> None:
        from litdata.streaming.writer import BinaryWriter  # late, as it takes seconds

        self.shards: list[File] = []
        self._place, self._chunks = place, BinaryWriter(str(place.folder), chunk_bytes=most)
        self._added = 0
        self._waiting: list[tuple[bytes, bytes]] = []  # hashes of the items that are in no chunk yet
        self._spans: list[tuple[Span, Span]] = []  # of all others
        self._hashes: list[tuple[bytes, bytes]] = []
        self._counts: list[int] = []  # items in each chunk

    def add(self, item: Item) -> None:
        """Add an item."""
        self._waiting.append((hash_part(item[0]), hash_part(item[1])))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an item that is larger than a chunk
            self._take([self._chunks.add_item(self._added, item)])
        self._added += 1

    def finish(self, *, masks: bool) -> Arrays:
        """Write the last chunk, and LitData's own index, and return where all images stand, and their masks."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._take(self._chunks.done())
        self._chunks.merge(1)
        self._place.keep(self._place.folder / LITDATA_INDEX)
        spans = np.array(self._spans, dtype=np.int64).reshape(-1, 2, 2)  # (N, image and mask, offset and length)
        hashes = np.array([list(map(list, pair)) for pair in self._hashes], dtype=np.uint8).reshape(-1, 2, BYTES)
        columns = {"": 0, "mask_": 1} if masks else {"": 0}
        places = {"shard": np.repeat(np.arange(len(self.shards)), self._counts).astype(np.int32)}
        for prefix, part in columns.items():
            places[f"{prefix}offset"] = np.ascontiguousarray(spans[:, part, 0])
            places[f"{prefix}length"] = np.ascontiguousarray(spans[:, part, 1])
            places[f"{prefix}sha256"] = np.ascontiguousarray(hashes[:, part])
        return places

    def _take(self, paths: Iterable[str | None]) -> None:
        """Take chunks that were written: check them, and bring them to their place."""
        for path in (Path(path) for path in paths if path is not None):
            spans = locate(path.read_bytes(), self._waiting, path)
            self._spans += spans
            self._hashes += self._waiting[: len(spans)]
            del self._waiting[: len(spans)]
            self._counts.append(len(spans))
            self.shards.append(File(path.name, path.stat().st_size, hash_file(path)))
            self._place.keep(path)


def hash_part(part: bytes) -> bytes:
    """Return the beginning of the SHA-256 of a part."""
    return hashlib.sha256(part).digest()[:BYTES]


def locate(content: bytes, hashes: list[tuple[bytes, bytes]], path: Path) -> list[tuple[Span, Span]]:
    """Find the images and masks in a chunk, and check them.

    LitData's chunks begin with the number of items and where each of them begins and the last ends, as uint32; each
    item begins with the bytes of its parts, as uint32 too.

    Args:
        content: of the chunk.
        hashes: of the images and masks of its items, and of more.
        path: of the chunk, for messages.

    Raises:
        RuntimeError: if they are not where they should be.
    """
    (count,) = np.frombuffer(content, "<u4", 1).tolist()
    starts = np.frombuffer(content, "<u4", count + 1, offset=4).tolist() if 4 * count < len(content) - 4 else []
    found = []
    for start, (image, mask) in zip(starts[:-1], hashes, strict=False):
        lengths = np.frombuffer(content, "<u4", PARTS, offset=start).tolist()
        first = start + 4 * PARTS
        spans = (first, lengths[0]), (first + lengths[0], lengths[1])
        parts = [content[offset : offset + length] for offset, length in spans]
        if [hash_part(part) for part in parts] != [image, mask]:
            break
        found.append(spans)
    if not count or len(found) < count:
        raise RuntimeError(f"{path}: LitData wrote a chunk in another form than its version 0.2.76 does")
    return found


def write_shards(
    reader: "Reader", packing: Packing, place: Place, *, source: str, most: int, title: str
) -> tuple[Index, Arrays]:
    """Write all but the index of a split.

    Args:
        reader: of its images.
        packing: its labels.
        place: where it goes.
        source: what the shards are made of, in words.
        most: bytes of a shard.
        title: of the progress bar.

    Returns:
        The index, which does not know its arrays yet, and these.

    Raises:
        InputError: if an image or a mask cannot be read.
        RunError: if the storage does not answer.
    """
    writer, screen = ShardWriter(place, most=most), SafeConsole(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as progress:
        for item in progress.track(read_items(reader, packing), total=len(reader), description=title):
            writer.add(item)
    arrays = {**packing.arrays, **writer.finish(masks=packing.read_mask is not None)}
    index = Index(
        version=VERSION,
        holds=packing.holds,
        classes=reader.classes.to_dict(),
        numbered=packing.numbered,
        multilabel=packing.multilabel,
        source=source,
        images=len(reader),
        samples=File(SAMPLES, 0, ""),
        shards=writer.shards,
    )
    return index, arrays


def write_index(index: Index, arrays: Arrays, place: Place) -> Index:
    """Write the arrays of a split and then its index, with which it counts; return the index."""
    samples = place.folder / SAMPLES
    content = save(arrays)
    write_bytes(samples, content)
    index.samples = File(SAMPLES, len(content), hashlib.sha256(content).hexdigest())
    index.sha256 = hash_index(index)
    place.keep(samples)
    write_json(place.folder / INDEX, msgspec.to_builtins(index))
    place.keep(place.folder / INDEX)
    return index


def read_items(reader: "Reader", packing: Packing) -> Iterator[Item]:
    """Read each image as it is encoded, with its labels.

    Raises:
        InputError: if a file cannot be read, or a mask holds what is no class.
    """
    for index in range(len(reader)):
        mask = b"" if packing.read_mask is None else encode_mask(packing.read_mask(index))
        yield read_file(reader.files.open(index)), mask, json.dumps(packing.describe(index)).encode()


def read_file(file: Path | Content) -> bytes:
    """Return what is in a file.

    Raises:
        InputError: if it cannot be read.
    """
    if isinstance(file, Content):
        return file.getvalue()
    try:
        return read_content(file, most=MOST_BYTES)
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: {error}; expected an image") from error


def encode_mask(mask: np.ndarray) -> bytes:
    """Return a mask (H, W) uint8 as a PNG file of its values."""
    file = BytesIO()
    Image.fromarray(mask).save(file, "PNG")
    return file.getvalue()
