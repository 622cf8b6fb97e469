"""The folder of the user's own where things are kept for the next start: $XDG_CACHE_HOME/bneck, or ~/.cache/bneck.

An entry is known by what it was made from and by the code that made it. Each kind has a folder, which may be removed at
any time.
"""

import hashlib
import math
import os
import time
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path

from data.bounded.content import hash_file

PART, ABANDONED = ".part", 3600.0  # how names of files end that are being written; seconds since nobody does
CODE = Path(__file__).parent
PACKAGES = ("msgspec", "numpy", "pillow", "torchvision")  # that labels and images are read by, too


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


def remove_oldest(folder: Path, *, most: int, before: float = math.inf) -> int:
    """Remove the files in a folder that were not used for longest, until all hold at most so many bytes.

    What another process may be writing, NAME.part of the last hour, stays.

    Args:
        folder: that others may write to and remove from meanwhile.
        most: bytes.
        before: seconds since the epoch; what was used later stays.

    Returns:
        The bytes of what is left.
    """
    files = []
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                stat = entry.stat(follow_symlinks=False)
                files.append((stat.st_mtime, stat.st_size, entry.path))
    held = sum(size for _, size, _ in files)
    if held <= most:
        return held
    now = time.time()
    for used, size, path in sorted(files):
        if held <= most or used >= before:
            break
        if path.endswith(PART) and now - used < ABANDONED:
            continue
        Path(path).unlink(missing_ok=True)
        held -= size
    return held
