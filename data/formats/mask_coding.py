"""What the pixels of a mask stand for: values or colours -> class indices."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from data.classes import ClassTable, Color
from data.findings import fault
from data.images import load_colors, load_mask
from data.samples import IGNORE

UNKNOWN = 254  # marks what stands for no class; so there are at most 254 of them
BEYOND = 2**16  # stands for every value that 16 bits do not hold
NAMED = 5  # unknown values that a message names


class MaskCoding:
    """How the masks of a data set are read.

    Attributes:
        classes: the K classes, in the order of the indices.
        color_coded: whether pixels are told apart by their colours, else by their values.
    """

    def __init__(
        self, found: ClassTable, *, color_coded: bool, ignored: int | Color | None, classes: ClassTable | None = None
    ) -> None:
        """Make the table from values or colours to indices.

        Args:
            found: the classes of the masks, with their values as ids, or their colours.
            color_coded: see above.
            ignored: the value or colour of pixels that loss and metric ignore; None: there is none.
            classes: of a model or of a training set, which must know the names of `found`; None: `found` itself.

        Raises:
            InputError: if `classes` does not know all of `found`.
        """
        self.classes = found if classes is None else classes
        self.classes.require(found, source="the masks", by_id=False)
        self.color_coded = color_coded
        self._found = found
        self._ignored = ignored
        keys = [pack(color) for color in found.colors] if color_coded else list(found.ids)
        self._table = np.full(2**24 if color_coded else BEYOND + 1, UNKNOWN, dtype=np.uint8)  # key -> index
        self._table[keys] = [self.classes.names.index(name) for name in found.names]
        if ignored is not None:
            self._table[pack(ignored) if isinstance(ignored, tuple) else ignored] = IGNORE

    def hash_table(self) -> str:
        """Return a hash of what decides which index a pixel gets."""
        return f"{self.color_coded} {hashlib.sha256(self._table.data).hexdigest()}"

    def read(self, path: Path) -> np.ndarray:
        """Read a mask.

        Returns:
            (H, W) uint8, class indices or IGNORE.

        Raises:
            InputError: a fault, if the file cannot be read, or holds what stands for no class.
        """
        keys = read_keys(path, color_coded=self.color_coded, most_pixels=None)  # as many as its image, as was checked
        mask: np.ndarray = cv2.LUT(keys, self._table[:256]) if keys.dtype == np.uint8 else self._table[keys]
        unknown = mask == UNKNOWN
        if unknown.any():
            found, counts = np.unique(keys[unknown], return_counts=True)
            first = np.argsort(-counts, kind="stable")[:NAMED]
            shown = ", ".join(f"{self._show(int(found[i]))} ({count_pixels(int(counts[i]))})" for i in first)
            kind, more = ("colour" if self.color_coded else "value"), f" and {len(found) - NAMED} more"
            raise fault(f"unknown mask {kind}", path, f"{kind}s {shown}{more * (len(found) > NAMED)}", self._expected())
        return mask

    def _show(self, key: int) -> str:
        """Return a value or a packed colour as messages write it."""
        return str(unpack(key)) if self.color_coded else str(key) if key < BEYOND else f"beyond {BEYOND - 1}"

    def _expected(self) -> str:
        """Say what masks may hold."""
        keys: Sequence[object] = self._found.colors if self.color_coded else self._found.ids
        text = ", ".join(f"{key} {name}" for key, name in zip(keys[:20], self._found.names[:20], strict=True))
        ignored = "" if self._ignored is None else f", or {self._ignored} to ignore"
        return f"expected {text}{' ...' * (len(keys) > 20)}{ignored}"


def count_pixels(count: int) -> str:
    """Return a number of pixels in words."""
    return f"{count} pixel{'s' * (count != 1)}"


def read_keys(path: Path, *, color_coded: bool, most_pixels: int | None) -> np.ndarray:
    """Read what a mask holds: (H, W) values, or colours packed into one number each; see `load_mask`.

    Raises:
        InputError: a fault, if the file cannot be read.
    """
    if not color_coded:
        values = load_mask(path, most_pixels=most_pixels)
        return values if values.dtype == np.uint8 else np.where((values < 0) | (values > BEYOND), BEYOND, values)
    red, green, blue = np.moveaxis(load_colors(path, most_pixels=most_pixels).astype(np.int32), -1, 0)
    return red << 16 | green << 8 | blue  # (H, W)


def pack(color: Sequence[int]) -> int:
    """Return a colour as one number."""
    red, green, blue = color
    return red << 16 | green << 8 | blue


def unpack(value: int) -> Color:
    """Return the colour that `pack` made a number of."""
    return value >> 16, value >> 8 & 255, value & 255


def table_of(codes: Mapping[str, int | Color]) -> ClassTable:
    """Return the classes of names with their values, or with their colours; those are numbered from 0."""
    values = list(codes.values())
    if all(isinstance(value, tuple) for value in values):
        return ClassTable.create(list(codes), range(len(codes)), colors=values)  # type: ignore[arg-type]
    return ClassTable.create(list(codes), values)  # type: ignore[arg-type]
