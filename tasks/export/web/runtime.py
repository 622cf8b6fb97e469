"""onnxruntime-web, the files of it that a page needs: found on this machine, or fetched by npm.

Usage:
    python -m tasks.export.web.runtime

prints the folder that they are in.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from data.bounded.content import hash_file
from data.errors import InputError
from data.user_cache import find_folder
from tasks.files import write_bytes

VERSION = "1.30.0"
PACKAGE = f"onnxruntime-web@{VERSION}"
TARBALL = "ab4cbe26baedba45d2cec05610c71c55fa97db92d19a8b171c5f8269126683ca590a5cdc57bb2f35ce2b298de32f4d956fb42644c0ecd528a0a91e025c07ca61"  # noqa: E501
FILES = {  # SHA-256 of each
    "ort.wasm.bundle.min.mjs": "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
    "ort-wasm-simd-threaded.wasm": "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
}
VARIABLE = "BNECK_ONNXRUNTIME_WEB"
SECONDS = 600  # that npm may take


def find_runtime(folder: Path | None = None) -> Path:
    """Return the folder that holds onnxruntime-web's files.

    Args:
        folder: where they are, or the package's own folder; None for what the environment variable
            BNECK_ONNXRUNTIME_WEB names, or else a cache, which npm fills.

    Raises:
        InputError: if they are not there or others than expected, or npm is missing or fails.
    """
    return find_here(folder) or fetch(find_cache())


def find_here(folder: Path | None = None) -> Path | None:
    """Return the folder that holds the files if this machine has them; see `find_runtime`.

    Raises:
        InputError: if a folder was named, and they are not there or others than expected.
    """
    named = os.environ.get(VARIABLE)
    if folder is not None:
        return find_files(folder, "web.runtime")
    if named:
        return find_files(Path(named), VARIABLE)
    return find_cache() if is_complete(find_cache()) else None


def find_cache() -> Path:
    """Return the folder that npm's files are kept in."""
    return find_folder(f"onnxruntime-web-{VERSION}")


def find_files(folder: Path, option: str) -> Path:
    """Return the folder of the files, which is the given one or the `dist` of the package in it.

    Raises:
        InputError: if they are in neither, or are of another version.
    """
    places = [folder / inner for inner in ("", "dist", "package/dist", "node_modules/onnxruntime-web/dist")]
    place = next((place for place in places if all((place / name).is_file() for name in FILES)), None)
    if place is None:
        raise InputError(f"{option}: {folder} does not hold {' and '.join(FILES)}; expected those of {PACKAGE}")
    if not is_complete(place):
        raise InputError(f"{option}: the files in {place} are not those of {PACKAGE} (their SHA-256 differ)")
    return place


def is_complete(folder: Path) -> bool:
    """Tell whether a folder holds the files, each as it should be."""
    return all((folder / name).is_file() and hash_file(folder / name) == own for name, own in FILES.items())


def fetch(cache: Path) -> Path:
    """Let npm fetch the package, and keep the files of it that a page needs in a folder, which is returned.

    Raises:
        InputError: if npm is missing or fails, or what it fetched is not the package that it should be.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise InputError(
            f"format=web needs {PACKAGE}, and npm, which would fetch it, is not installed; "
            f"run npm pack {PACKAGE} elsewhere, unpack it and name its folder: web.runtime=DIR"
        )
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", PACKAGE, "--silent", "--ignore-scripts"]
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS)
        except subprocess.TimeoutExpired as error:
            raise InputError(f"npm pack {PACKAGE} took more than {SECONDS} seconds; try again") from error
        tarballs = list(Path(folder).glob("*.tgz"))
        if done.returncode or len(tarballs) != 1:
            said = (done.stderr or done.stdout).strip().splitlines()
            raise InputError(f"npm pack {PACKAGE} failed: {said[-1][:300] if said else 'it says nothing'}")
        unpack(tarballs[0], cache)
    return cache


def unpack(tarball: Path, cache: Path) -> None:
    """Keep the files of the package that a page needs.

    Raises:
        InputError: if it is another package, or does not hold them.
    """
    if hash_file(tarball, "sha512") != TARBALL:
        raise InputError(f"{tarball.name}: not {PACKAGE} as it was published (its SHA-512 differs); nothing was kept")
    cache.mkdir(parents=True, exist_ok=True)
    with tarfile.open(tarball) as archive:
        for name in FILES:
            source = archive.extractfile(f"package/dist/{name}")
            if source is None:
                raise InputError(f"{tarball.name}: dist/{name} is no file")
            with source:
                write_bytes(cache / name, source.read())


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{find_runtime()}\n")
    except InputError as error:
        sys.exit(str(error))
