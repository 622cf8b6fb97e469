"""The files of a page: those that all pages share, and its own."""

from pathlib import Path

SHARED = Path(__file__).parent / "shared"


def read_files(own: Path) -> dict[str, bytes]:
    """Return the content of a page's files by name: the shared ones, and those in its own folder."""
    return {path.name: path.read_bytes() for folder in (SHARED, own) for path in sorted(folder.iterdir())}
