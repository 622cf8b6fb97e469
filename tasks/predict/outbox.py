"""Where results go by parts: a folder that all see, or object storage; each file is there as a whole or not at all."""

import tempfile
from pathlib import Path

from data.storage import is_remote, is_there, list_objects, read_object, upload
from tasks.files import write_bytes

MOST_BYTES = 2**31  # of a file that is read back


class Outbox:
    """Files below a place.

    Args:
        place: a folder or an address.
        patience: seconds to wait for storage that does not answer.
    """

    def __init__(self, place: str, *, patience: float) -> None:
        whole = place.rstrip("/") if is_remote(place) else str(Path(place).absolute())  # nodes may stand elsewhere
        self.place, self._patience = whole, patience

    def write(self, name: str, content: bytes) -> None:
        """Write a file."""
        path = f"{self.place}/{name}"
        if not is_remote(path):
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            write_bytes(Path(path), content)
            return
        with tempfile.TemporaryDirectory() as folder:
            part = Path(folder) / "object"
            write_bytes(part, content)
            upload(part, path, patience=self._patience)

    def read(self, name: str) -> bytes | None:
        """Return what is in a file; None where there is none."""
        path = f"{self.place}/{name}"
        there = is_there(path, patience=self._patience) if is_remote(path) else Path(path).is_file()
        return read_object(path, most=MOST_BYTES, patience=self._patience) if there else None

    def list_names(self, folder: str) -> set[str]:
        """Return the names of the files in a folder."""
        path = f"{self.place}/{folder}"
        if is_remote(path):
            return {place.rpartition("/")[2] for place in list_objects(path, patience=self._patience)}
        return {each.name for each in Path(path).iterdir()} if Path(path).is_dir() else set()
