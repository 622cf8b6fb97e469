"""Where shards are written: a folder, or object storage, by way of a folder that holds one of them at a time."""

import shutil
from pathlib import Path
from typing import Protocol

from data.storage import upload
from tasks.files import replacing, sync


class Place(Protocol):
    """Where the files of a split go.

    Attributes:
        folder: in which they are made.
    """

    folder: Path

    def keep(self, path: Path) -> None:
        """Bring a file that was made to its place, where it is whole when this returns."""

    def remove(self) -> None:
        """Remove what was made, as far as it is in the way of another try."""


class FolderPlace:
    """A folder: files are made where they stay."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)

    def keep(self, path: Path) -> None:
        """Wait until a file is on the disk."""
        with replacing(path) as part:
            path.rename(part)
        sync(path)

    def remove(self) -> None:
        """Remove all that was made."""
        shutil.rmtree(self.folder, ignore_errors=True)


class RemotePlace:
    """Object storage.

    Args:
        place: address that the names of the files are added to.
        folder: to be made, in which they are made.
        patience: seconds to wait for storage that does not answer.
    """

    def __init__(self, place: str, folder: Path, *, patience: float) -> None:
        self.folder, self._place, self._patience = folder, place, patience
        folder.mkdir(parents=True)

    def keep(self, path: Path) -> None:
        """Upload a file, and remove it here."""
        upload(path, f"{self._place}/{path.name}", patience=self._patience)
        path.unlink()

    def remove(self) -> None:
        """Do nothing: without an index nothing counts, and another try writes over it."""
