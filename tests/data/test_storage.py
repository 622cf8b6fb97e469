"""What is read of objects, by a client that a test stands in for."""

import errno
from pathlib import Path

import pytest

from data import storage
from data.errors import InputError
from data.storage import read_object
from data.streams.objects import fetch


class Full:
    """A client that finds no room on this machine."""

    def download_file(self, place: str, path: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", path)


class Small:
    """A client of objects of ten bytes."""

    def download_file(self, place: str, path: str) -> None:
        Path(path).write_bytes(bytes(10))


def test_a_full_disk_here_is_no_fault_of_an_image(monkeypatch):
    monkeypatch.setattr(storage, "find_provider", lambda scheme, process: Full())
    with pytest.raises(OSError, match="No space left"):
        fetch("s3://bucket/a.jpg", patience=1)


def test_an_object_that_is_too_large_is_named(monkeypatch):
    monkeypatch.setattr(storage, "find_provider", lambda scheme, process: Small())
    assert read_object("s3://bucket/a", most=10, patience=1) == bytes(10)
    with pytest.raises(InputError, match=r"s3://bucket/a: .*expected a file that may be read"):
        read_object("s3://bucket/a", most=9, patience=1)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"a.json: .*expected a file that may be read"):
        read_object(str(tmp_path / "a.json"), most=9, patience=1)
