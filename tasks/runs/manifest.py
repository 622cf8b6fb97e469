"""manifest.json: what files a run has, how large they are, and their SHA-256; and what has changed since.

While a run trains, its checkpoints are listed alone; at its end, everything in its folder that it does not hide.
"""

import logging
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from data.bounded.content import hash_file
from data.errors import InputError
from tasks.files import write_json
from tasks.models.seals import check_seal
from tasks.runs.folder import CHECKPOINTS
from tasks.runs.forms import Manifest
from tasks.runs.reading import read_json

logger = logging.getLogger(__name__)

MANIFEST = "manifest.json"
NEWER = "whole, but not the one in the manifest"
SEALED = (".ckpt", ".safetensors")  # files that hold their own SHA-256
OTHERS = ("wandb",)  # folders that another program still writes to


def list_files(out: Path) -> list[Path]:
    """Return the files of a run, in the order of their names; hidden ones are left out."""
    paths = (path for path in sorted(out.rglob("*")) if path.is_file() and not path.is_symlink())
    inner = ((path, path.relative_to(out).parts) for path in paths)
    return [
        path
        for path, parts in inner
        if not any(part.startswith(".") for part in parts) and parts[0] not in (MANIFEST, *OTHERS)
    ]


def describe_file(path: Path, *, sha256: str | None = None) -> dict[str, Any]:
    """Return what the manifest says of a file."""
    return {"bytes": path.stat().st_size, "sha256": sha256 or hash_file(path)}


def read_manifest(out: Path) -> dict[str, Any]:
    """Return the entries of a run's manifest by the files' paths in its folder; none where there is none.

    Raises:
        InputError: if it cannot be read.
    """
    files: dict[str, Any] = read_json(out / MANIFEST, Manifest).get("files", {})
    for name, entry in files.items():
        path = PurePath(name)
        if path.is_absolute() or ".." in path.parts:
            raise InputError(
                f"{out / MANIFEST}: files.{name}: {entry!r:.40}; expected a size and hash of a file inside"
            )
    return files


def write_manifest(out: Path, files: Mapping[str, Any]) -> None:
    """Write the manifest of a run."""
    write_json(out / MANIFEST, {"files": dict(sorted(files.items()))})


def record_files(out: Path, paths: list[Path]) -> None:
    """Write the manifest anew, of these files of a run alone."""
    write_manifest(out, {path.relative_to(out).as_posix(): describe_file(path) for path in paths})


def keep_checkpoints(out: Path) -> None:
    """Leave in the manifest of a run that begins again what it says of the checkpoints, whether they are so or not."""
    entries = _read_entries(out).items()
    write_manifest(out, {name: entry for name, entry in entries if name.startswith(f"{CHECKPOINTS}/")})


def record_file(out: Path, path: Path, *, sha256: str | None = None) -> None:
    """Note that a file of a run was written anew."""
    entry = {path.relative_to(out).as_posix(): describe_file(path, sha256=sha256)}
    write_manifest(out, _read_entries(out) | entry)


def record_change(path: Path) -> None:
    """Note that a file was written anew, if it is of a run whose manifest lists it."""
    for out in (path.parent, path.parent.parent):
        if path.relative_to(out).as_posix() in _read_entries(out):
            record_file(out, path)
            return


def _read_entries(out: Path) -> dict[str, Any]:
    """Return the entries of a manifest; none of one that cannot be read, as the file that was written is whole."""
    try:
        return read_manifest(out)
    except InputError as error:
        logger.warning("%s; its entries are left out", error)
        return {}


def find_faults(out: Path) -> dict[Path, str]:
    """Compare the files of a run with its manifest, and its tensor files with the SHA-256 that they hold.

    Returns:
        What is wrong, by file; NEWER is no damage: such a file was written after the manifest, as where a run was cut
        between the two.

    Raises:
        InputError: if the manifest is missing or cannot be read.
    """
    if not (out / MANIFEST).is_file():
        raise InputError(f"run: {out} holds no {MANIFEST}; expected the folder of a run that this version has written")
    listed = read_manifest(out)
    paths = dict.fromkeys([*(out / name for name in listed), *find_sealed(out)])
    found = {path: find_fault(path, listed.get(path.relative_to(out).as_posix())) for path in paths}
    return {path: fault for path, fault in found.items() if fault is not None}


def find_sealed(out: Path) -> list[Path]:
    """Return the tensor files of a run."""
    return [path for path in list_files(out) if path.suffix in SEALED]


def find_fault(path: Path, entry: Mapping[str, Any] | None) -> str | None:
    """Return what is wrong with a file; None for nothing."""
    if not path.is_file():
        return "missing"
    sealed = False
    if path.suffix in SEALED:
        try:
            sealed = check_seal(path)
        except InputError as error:
            return str(error).removeprefix(f"{path}: ")
    if entry is None:
        return None
    size, expected = path.stat().st_size, entry.get("bytes")
    if size == expected and hash_file(path) == entry.get("sha256"):
        return None
    if sealed:
        return NEWER
    if size == expected:
        return "changed: as many bytes as when it was written, but others"
    return f"changed: {size} bytes; {expected!r:.20} when it was written"
