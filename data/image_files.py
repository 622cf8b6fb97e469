"""Where the encoded images of a reader are kept: as files of their own here, within shards in `data.shards.files`."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, Self

import numpy as np

from data.bounded.content import BoundError, Content, hash_file
from data.errors import InputError
from data.folders import join_names
from data.reading import map_files

HASH_LENGTH = 32  # hexadecimal digits that are kept of a hash: 128 bits


class ImageFiles(Protocol):
    """The encoded images, or masks, of N samples."""

    @property
    def ahead(self) -> int:
        """How many samples before its turn an image should be asked for, see `prepare`; 0: never."""

    @property
    def count(self) -> int:
        """N."""

    @property
    def paths(self) -> np.ndarray:
        """(N,) strings, unique."""

    def path(self, index: int) -> str:
        """Return one of these."""

    def open(self, index: int) -> Path | Content:
        """Return an image file, or its content.

        Raises:
            InputError: a fault, if the content cannot be had.
        """

    def prepare(self, index: int) -> None:
        """Begin to fetch what an image will be read from, and do not wait for it."""

    def origin(self, index: int) -> tuple[list[Path], str]:
        """Return the files that decide an image's pixels, and what else does."""

    def measure(self) -> tuple[list[int], list[int]]:
        """Return for each image its size in bytes, and when it was written, in seconds; 0 where nobody knows."""

    def hash_all(self) -> list[str]:
        """Return the beginning of the SHA-256 of each image's content."""

    def take(self, order: np.ndarray) -> Self:
        """Return those that a mask or an array of positions selects, in its order."""

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Return those of several, behind one another."""

    def check_shuffle(self, block: int | None) -> None:
        """Check that images can be read in the order that training shuffles them in, see `data.shuffling`.

        Raises:
            InputError: if each would be fetched again and again.
        """


class FolderFiles:
    """Images that are files of their own, which need no preparation.

    Args:
        folder: that their names are relative to.
        names: (N,) strings.
    """

    ahead = 0

    def __init__(self, folder: Path, names: np.ndarray) -> None:
        self.folder, self.names = folder, names

    @classmethod
    def list_paths(cls, paths: Sequence[Path]) -> Self:
        """Return the files of these paths."""
        return cls(Path(), np.array([str(path) for path in paths], dtype=str))

    @property
    def count(self) -> int:
        """N."""
        return len(self.names)

    @property
    def paths(self) -> np.ndarray:
        """(N,) strings, unique."""
        return np.array(join_names(self.folder, self.names.tolist()), dtype=str)

    def path(self, index: int) -> str:
        """Return one of these."""
        return str(self.open(index))

    def open(self, index: int) -> Path:
        """Return the path of an image."""
        return self.folder / str(self.names[index])

    def prepare(self, index: int) -> None:
        """Do nothing: the file is there."""

    def origin(self, index: int) -> tuple[list[Path], str]:
        """Return the file."""
        return [self.open(index)], ""

    def measure(self) -> tuple[list[int], list[int]]:
        """Return the size in bytes and the time of each file."""
        found = map_files(os.stat, self.paths.tolist())
        return [file.st_size for file in found], [int(file.st_mtime) for file in found]

    def hash_all(self) -> list[str]:
        """Return the beginning of the hash of each file's content."""
        return map_files(hash_content, self.paths.tolist())

    def take(self, order: np.ndarray) -> "FolderFiles":
        """Return those that a mask or an array of positions selects, in its order."""
        return FolderFiles(self.folder, self.names[order])

    @classmethod
    def join(cls, parts: Sequence["FolderFiles"]) -> "FolderFiles":
        """Return those of several folders, behind one another."""
        return cls(Path(), np.concatenate([part.paths for part in parts]))

    def check_shuffle(self, block: int | None) -> None:
        """Do nothing: files are read in any order."""


def hash_content(path: str) -> str:
    """Return the beginning of the hash of a file's content.

    Raises:
        InputError: if it is no regular file.
    """
    try:
        return hash_file(Path(path))[:HASH_LENGTH]
    except BoundError as error:
        raise InputError(f"{path}: {error}") from error
