import os
import platform
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from data.errors import InputError
from tasks.cli import folders, lock
from tasks.cli.folders import check_new, new_folder, owning
from tasks.cli.lock import LOCK, locked

HOLD = """
import os, sys, time
from pathlib import Path
from tasks.cli.folders import new_folder
with new_folder(Path(sys.argv[1]), named=sys.argv[2] != "unnamed") as out:
    (out / "file").touch()
    if sys.argv[2] == "forked" and os.fork() == 0:  # as a loading process is made
        time.sleep(2)
        os._exit(0)
    print(out, flush=True)
    sys.stdin.read()
"""


@dataclass(frozen=True)
class Config:
    out: Path
    typed: tuple[str, ...] = ()
    resume: Path | None = None


def hold(out: Path, how: str = "named") -> "subprocess.Popen[str]":
    """Start a process that holds a folder until it is told to end."""
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", HOLD, str(out), how], stdin=pipe, stdout=pipe, text=True)


@pytest.fixture
def holder(tmp_path: Path):
    """Return a process that holds the folder "run"."""
    with hold(tmp_path / "run", "forked") as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


@pytest.mark.parametrize("option", ["out", "resume"])
def test_a_folder_in_use_is_refused_with_its_process_and_host(option: str, holder, tmp_path: Path) -> None:
    run = owning(lambda config: config.out)
    config = Config(tmp_path / "run") if option == "out" else Config(tmp_path / "new", resume=tmp_path / "run")
    said = f"{option}: {tmp_path}/run is in use by process {holder.pid} on {platform.node()}; expected another folder"
    with pytest.raises(InputError, match=f"^{re.escape(said)}"):
        run(config)
    assert {path.name for path in tmp_path.iterdir()} == {"run"}


@pytest.mark.slow
def test_a_killed_process_holds_nothing_though_its_children_live(holder, tmp_path: Path) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert (tmp_path / "run" / LOCK).read_text() == f"process {holder.pid} on {platform.node()}\n"
    with locked(tmp_path / "run", option="resume"):
        assert (tmp_path / "run" / LOCK).read_text() == f"process {os.getpid()} on {platform.node()}\n"
        if os.fork() == 0:
            os._exit(0)  # what a loading process does: its copy of the lock's file is closed
        os.wait()
        with hold(tmp_path / "run") as other:
            assert other.wait() == 1
    assert not (tmp_path / "run" / LOCK).exists()


def test_the_remains_of_a_run_killed_at_once_are_a_new_folder(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / LOCK).write_text("process 1 on elsewhere\n")
    check_new(tmp_path / "run")
    with new_folder(tmp_path / "run", named=True) as out:
        (out / "file").touch()
    assert [path.name for path in out.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("text", "free"),
    [
        ("process 999999999 on HERE\n", True),
        (f"process {os.getppid()} on HERE\n", False),
        ("process 999999999 on another-host\n", False),
        ("", True),
    ],
)
def test_where_a_disk_knows_no_locks_the_owner_that_is_named_decides(
    text: str, free: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(lock.fcntl, "lockf", refuse)
    (tmp_path / LOCK).write_text(text.replace("HERE", platform.node()))
    if free:
        with locked(tmp_path, option="out"):
            pass
        return
    with pytest.raises(InputError, match=rf"is in use by {text.split(' on')[0]} on "), locked(tmp_path, option="out"):
        pass


@pytest.mark.parametrize("plant", [lambda path: path.symlink_to("letter"), os.mkfifo, Path.mkdir])
def test_a_lock_that_is_no_plain_file_is_refused_and_left_as_it_is(plant, tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("dear")
    plant(tmp_path / LOCK)
    said = f"resume: {tmp_path}/{LOCK} is no plain file; expected none, or the one that a process left"
    with pytest.raises(InputError, match=f"^{re.escape(said)}$"), locked(tmp_path, option="resume"):
        pass
    assert (tmp_path / "letter").read_text() == "dear"


def test_a_folder_in_which_nothing_was_written_is_removed_unless_it_was_there(tmp_path: Path) -> None:
    for name in ("made", "a/b/c"):
        with pytest.raises(InputError), new_folder(tmp_path / name, named=True):
            raise InputError("no data")
    assert not list(tmp_path.iterdir())
    (tmp_path / "given").mkdir()
    with new_folder(tmp_path / "given", named=True):
        pass
    assert (tmp_path / "given").is_dir()


@pytest.mark.slow
def test_commands_of_one_second_have_folders_of_their_own(tmp_path: Path) -> None:
    out = tmp_path / "ssdlite/2026-11-27_12-00-00"
    with ThreadPoolExecutor() as pool:
        processes = list(pool.map(lambda _: hold(out, "unnamed"), range(3)))
    found = sorted(process.stdout.readline().strip() for process in processes if process.stdout)
    for process in processes:
        process.communicate("")
    assert found == [str(out), f"{out}_2", f"{out}_3"]


def test_a_name_that_was_typed_is_kept_and_one_that_is_the_time_is_not(tmp_path: Path) -> None:
    run, out = owning(lambda config: config.out), tmp_path / "2026-11-27_12-00-00"
    out.mkdir()
    (out / "file").touch()
    assert run(Config(out)) == tmp_path / "2026-11-27_12-00-00_2"
    with pytest.raises(InputError, match="exists and is not empty; expected a new folder, so that nothing is lost"):
        run(Config(out, typed=(f"out={out}",)))
    with pytest.raises(InputError, match="exists and is not empty"):
        run(Config(out.rename(tmp_path / "run")))


def test_a_command_that_is_started_again_finds_its_folder_though_nothing_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "recall_folder", lambda: tmp_path / "begun" / "run")
    found = owning(lambda config: config.out)(Config(tmp_path / "other"))
    assert found == tmp_path / "begun" / "run"
    assert found.is_dir()
