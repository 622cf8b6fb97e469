"""Where onnxruntime-web comes from; npm is played by a script, and the package by a small one."""

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from data.errors import InputError
from tasks.export.web import runtime
from tasks.export.web.runtime import VARIABLE, find_here, find_runtime

CONTENT = {"ort.wasm.bundle.min.mjs": b"script", "ort-wasm-simd-threaded.wasm": b"code"}


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have an empty cache, no npm, and a package whose files are small."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin:/usr/bin")
    monkeypatch.setattr(runtime.shutil, "which", lambda name: find_program(tmp_path / "bin" / name))
    monkeypatch.setattr(
        runtime, "FILES", {name: hashlib.sha256(content).hexdigest() for name, content in CONTENT.items()}
    )


def find_program(path: Path) -> str | None:
    return str(path) if path.exists() else None


def pack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write the package, with a file that no page needs."""
    path = tmp_path / "onnxruntime-web-0.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for name, content in {**CONTENT, "../../evil.js": b"out of the folder"}.items():
            entry = tarfile.TarInfo(f"package/dist/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    monkeypatch.setattr(runtime, "TARBALL", hashlib.sha512(path.read_bytes()).hexdigest())
    return path


def install_npm(tmp_path: Path, script: str) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/npm").write_text(f"#!/bin/sh\necho $@ >> {tmp_path}/asked\n{script}\n")
    (tmp_path / "bin/npm").chmod(0o755)


def write_files(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name, content in CONTENT.items():
        (folder / name).write_bytes(content)
    return folder


def test_npm_fetches_the_package_once_and_only_what_a_page_needs_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_npm(tmp_path, f"cp {pack(tmp_path, monkeypatch)} .")
    assert find_here() is None
    folder = find_runtime()
    assert folder == tmp_path / "cache/bneck/onnxruntime-web-1.30.0"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == CONTENT
    assert find_runtime() == find_here() == folder
    assert (tmp_path / "asked").read_text() == "pack onnxruntime-web@1.30.0 --silent --ignore-scripts\n"


def test_a_damaged_cache_is_filled_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_npm(tmp_path, f"cp {pack(tmp_path, monkeypatch)} .")
    folder = find_runtime()
    (folder / "ort-wasm-simd-threaded.wasm").write_bytes(b"co")
    assert find_here() is None
    assert (find_runtime() / "ort-wasm-simd-threaded.wasm").read_bytes() == b"code"


def test_another_package_than_the_published_one_is_refused_and_nothing_of_it_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_npm(tmp_path, f"cp {pack(tmp_path, monkeypatch)} .")
    monkeypatch.setattr(runtime, "TARBALL", "0" * 128)
    with pytest.raises(InputError, match=r"onnxruntime-web-0.tgz: not onnxruntime-web@1.30.0 as it was published"):
        find_runtime()
    assert not (tmp_path / "cache").exists()


def test_without_npm_it_is_said_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"npm, which would fetch it, is not installed; run npm pack .* web.runtime=DIR"
    ):
        find_runtime()


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo first >&2; echo 'npm error network down' >&2; exit 1", "failed: npm error network down"),
        ("exit 1", "failed: it says nothing"),
        ("exit 0", "failed: it says nothing"),
    ],
)
def test_what_npm_says_is_passed_on(tmp_path: Path, script: str, message: str) -> None:
    install_npm(tmp_path, script)
    with pytest.raises(InputError, match=message):
        find_runtime()


@pytest.mark.parametrize("inner", ["", "dist", "package/dist", "node_modules/onnxruntime-web/dist"])
def test_a_folder_that_is_named_is_taken_however_it_came_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inner: str
) -> None:
    place = write_files(tmp_path / "given" / inner)
    assert find_runtime(tmp_path / "given") == place
    monkeypatch.setenv(VARIABLE, str(tmp_path / "given"))
    assert find_runtime() == place


def test_a_folder_without_the_files_or_with_others_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"web.runtime: .*gone does not hold ort.wasm.bundle.min.mjs and"):
        find_runtime(tmp_path / "gone")
    place = write_files(tmp_path / "old")
    (place / "ort.wasm.bundle.min.mjs").write_bytes(b"of another version")
    monkeypatch.setenv(VARIABLE, str(place))
    with pytest.raises(InputError, match=rf"{VARIABLE}: the files in .*old are not those of onnxruntime-web@1.30.0"):
        find_runtime()
