"""The folder of the user's own where things are kept for the next start: $XDG_CACHE_HOME/bneck, or ~/.cache/bneck.

An entry is known by what it was made from and by the code that made it. Each kind has a folder, which may be removed at
any time.
"""

import hashlib
import os
from functools import cache
from importlib.metadata import version
from pathlib import Path

from data.bounded.content import hash_file

CODE = Path(__file__).parent
PACKAGES = ("msgspec", "numpy", "pillow")  # that labels and images are read by, too


def find_folder(kind: str) -> Path:
    """Return the folder of a kind of entries, which may not be there."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "bneck" / kind


@cache
def hash_code() -> str:
    """Return a hash of the code that reads data, and of the versions of the packages that it uses."""
    digest = hashlib.sha256(" ".join(version(name) for name in PACKAGES).encode())
    for path in sorted(CODE.rglob("*.py")):
        digest.update(f"{path.relative_to(CODE)} {hash_file(path)}\n".encode())
    return digest.hexdigest()


def remove_oldest(folder: Path, *, most: int) -> None:
    """Remove the files in a folder that were not used for longest, until all hold at most so many bytes."""
    files = sorted(((path, path.stat()) for path in folder.iterdir()), key=lambda row: row[1].st_mtime)
    held = sum(stat.st_size for _, stat in files)
    for path, stat in files:
        if held <= most:
            break
        path.unlink(missing_ok=True)
        held -= stat.st_size
