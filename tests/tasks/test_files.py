import errno
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tasks import files
from tasks.cli.failures import explain
from tasks.files import PART, WriteError, clean, replacing, write_bytes, write_checked, write_json, write_text

ENDLESS = """
import sys
from pathlib import Path
from tasks.files import write_checked
print("ready", flush=True)
while True:
    for letter in (b"a", b"b"):
        write_checked(Path(sys.argv[1]), letter * 20_000_000)
"""


@pytest.fixture
def small_files():
    """Let this process write files of 1,000 bytes at most, as a full disk would."""
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_file_that_does_not_fit_leaves_the_earlier_one_and_no_other(tmp_path, small_files):
    path = tmp_path / "results.json"
    write_text(path, "earlier")
    for write in (write_bytes, write_checked):
        with pytest.raises(WriteError):
            write(path, b"x" * 2000)
        assert [file.name for file in tmp_path.iterdir()] == ["results.json"]
        assert path.read_text() == "earlier"


def test_what_could_not_be_written_is_said_with_its_disk_and_what_is_kept(tmp_path, small_files):
    with pytest.raises(WriteError) as caught:
        write_bytes(tmp_path / "new.ckpt", b"x" * 2000)
    message, status = explain(caught.value)
    assert status == 1
    assert message.startswith(f"{tmp_path}/new.ckpt: file too large (")
    assert message.endswith("; there is no new.ckpt)")
    (tmp_path / "new.ckpt").touch()
    with pytest.raises(WriteError) as caught:
        write_bytes(tmp_path / "new.ckpt", b"x" * 2000)
    assert " MB free on the disk at /" in explain(caught.value)[0]
    assert explain(caught.value)[0].endswith("; new.ckpt as it was before is kept)")


def test_a_file_is_on_the_disk_before_it_takes_its_place_and_then_its_name(tmp_path, monkeypatch):
    done = []
    monkeypatch.setattr(
        files, "sync", lambda path: done.append((path.suffix or "folder", (tmp_path / "a.json").exists()))
    )
    write_json(tmp_path / "a.json", {})
    assert done == [(".json", False), ("folder", True)]


def test_a_file_that_reads_back_otherwise_does_not_take_its_place(tmp_path, monkeypatch):
    path = tmp_path / "last.ckpt"
    write_checked(path, b"earlier")
    monkeypatch.setattr(files, "forget", lambda part: part.write_bytes(b"never"))  # the disk fails
    with pytest.raises(WriteError, match="what was written reads back otherwise"):
        write_checked(path, b"newer")
    assert path.read_bytes() == b"earlier"


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EIO])
def test_whatever_the_system_refuses_is_an_error(number, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(WriteError) as caught:
        write_text(tmp_path / "metrics.json", "{}")
    assert (caught.value.errno, caught.value.filename) == (number, str(tmp_path / "metrics.json"))
    assert explain(caught.value)[1] == 1
    assert not list(tmp_path.iterdir())


def test_the_longest_name_can_be_written(tmp_path):
    write_text(tmp_path / f"{'n' * 250}.json", "{}")
    with replacing(tmp_path / "a.onnx") as part:
        assert part.suffix == ".onnx"
        part.touch()


def test_a_kill_leaves_a_whole_file_and_the_next_start_cleans_up(tmp_path):
    path = tmp_path / "last.ckpt"
    for wait in (0.05, 0.1, 0.15, 0.2):
        command = [sys.executable, "-c", ENDLESS, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            time.sleep(wait)
            process.kill()
    content = path.read_bytes() if path.exists() else b"a" * 20_000_000
    assert content in (b"a" * 20_000_000, b"b" * 20_000_000)
    left = list(tmp_path.glob(f"{PART}*"))
    assert sorted(clean(tmp_path)) == sorted(left)
    assert {file.name for file in tmp_path.iterdir()} <= {"last.ckpt"}


def test_only_files_of_this_programs_own_are_cleaned_up(tmp_path):
    (tmp_path / "samples").mkdir()
    own, others = tmp_path / f"samples/{PART}0123.jpg", (tmp_path / "a.part", tmp_path / "samples/.hidden")
    for path in (own, *others):
        path.touch()
    assert clean(tmp_path) == [own]
    assert all(path.exists() for path in others)
