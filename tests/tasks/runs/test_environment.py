import json
import subprocess
from pathlib import Path

import pytest
import torch

from tasks.runs.environment import find_commit, read_starts, record_end, record_start


def git(folder: Path, *words: str) -> str:
    author = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    command = ["git", "-C", str(folder), *author, *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    (tmp_path / "file").write_text("one")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "one")
    return tmp_path.resolve()


def test_a_start_says_where_and_with_what(tmp_path):
    record_start(tmp_path, accelerator="cpu")
    (start,) = json.loads((tmp_path / "environment.json").read_text())["starts"]
    assert start["versions"]["torch"] == torch.__version__.partition("+")[0]
    assert (start["folder"], start["device"], start["seconds"]) == (str(Path.cwd()), "cpu", None)
    assert start["command"].startswith("python ")


def test_a_resumed_run_has_two_starts_and_the_last_one_ends(tmp_path):
    record_start(tmp_path, accelerator="cpu")
    record_start(tmp_path, accelerator="cpu")
    record_end(tmp_path)
    first, second = read_starts(tmp_path)
    assert first["seconds"] is None
    assert 0 <= second["seconds"] < 60


def test_an_unreadable_file_is_begun_anew_with_a_word(tmp_path, caplog):
    (tmp_path / "environment.json").write_text("{")
    record_start(tmp_path, accelerator="cpu")
    assert len(read_starts(tmp_path)) == 1
    assert "not readable" in caplog.text


def test_the_commit_of_a_checkout_bears_a_plus_where_files_differ(checkout):
    commit = git(checkout, "rev-parse", "HEAD")
    assert find_commit(checkout) == commit
    (checkout / "file").write_text("two")
    assert find_commit(checkout) == commit + "+"


def test_a_folder_inside_another_checkout_has_no_commit(checkout):
    (checkout / "site-packages").mkdir()
    assert find_commit(checkout / "site-packages") is None


def test_without_git_there_is_no_commit(checkout, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert find_commit(checkout) is None
