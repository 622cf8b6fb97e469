"""Real sweeps that are killed, and that several drivers work on."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.sweeps import find_owner, finish, read_trials, start_sweep, wait_for

pytestmark = pytest.mark.slow
BINARIES = (*Path("/usr/lib/postgresql").glob("*/bin"), *map(Path, os.get_exec_path()))


def said(folder: Path) -> str:
    return "".join(path.read_text() for path in sorted(folder.glob("said_*.txt")))


def test_a_killed_driver_takes_its_training_along_and_the_next_start_goes_on_with_it(tmp_path: Path) -> None:
    run = tmp_path / "out/trials/0000/run"
    driver = start_sweep(tmp_path, "trials=1", "trainer.max_epochs=4")
    training = wait_for(lambda: find_owner(run), driver)
    driver.kill()
    driver.wait()
    deadline = time.monotonic() + 60
    while Path(f"/proc/{training}").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not Path(f"/proc/{training}").exists()
    finish(start_sweep(tmp_path, "trials=1", "trainer.max_epochs=4"), tmp_path)
    (trial,) = read_trials(tmp_path)
    assert (trial["state"], list(trial["scores"])) == ("complete", ["1", "2", "3", "4"])
    assert "trial 0 goes on" in said(tmp_path)
    assert len(list((run / "logs").glob("start_*"))) == 2


def test_a_killed_training_is_gone_on_with_by_its_driver(tmp_path: Path) -> None:
    run = tmp_path / "out/trials/0000/run"
    driver = start_sweep(tmp_path, "trials=1", "trainer.max_epochs=4")
    os.kill(wait_for(lambda: find_owner(run), driver), signal.SIGKILL)
    finish(driver, tmp_path)
    (trial,) = read_trials(tmp_path)
    assert (trial["state"], len(trial["scores"])) == ("complete", 4)
    assert "trial 0: its process was killed (status -9)" in said(tmp_path)


def test_a_driver_that_is_told_to_end_has_its_training_save_itself_and_goes_on_later(tmp_path: Path) -> None:
    run = tmp_path / "out/trials/0000/run"
    driver = start_sweep(tmp_path, "trials=1", "trainer.max_epochs=4")
    wait_for(lambda: find_owner(run), driver)
    driver.terminate()
    assert driver.wait(120) == 143
    assert "stopped by SIGTERM; the same command goes on" in said(tmp_path)
    assert "stopped by SIGTERM" in (run.parent / "log.txt").read_text()
    finish(start_sweep(tmp_path, "trials=1", "trainer.max_epochs=4"), tmp_path)
    assert read_trials(tmp_path)[0]["state"] == "complete"


def check_shared(folder: Path, *options: str) -> None:
    """Have two drivers work on one study: each trial is done once, by one of them."""
    drivers = [start_sweep(folder, "trials=3", "trainer.max_epochs=1", *options) for _ in range(2)]
    for driver in drivers:
        finish(driver, folder)
    assert [trial["state"] for trial in read_trials(folder)] == ["complete"] * 3
    starts = [re.findall(r"trial (\d) starts", path.read_text()) for path in sorted(folder.glob("said_*.txt"))]
    assert sorted(starts[0] + starts[1]) == ["0", "1", "2"]
    assert all(starts)


def test_two_drivers_share_a_file(tmp_path: Path) -> None:
    check_shared(tmp_path)


@pytest.fixture
def postgresql() -> Iterator[str]:
    """Run a PostgreSQL server of its own, on a socket in a folder of its own; return the URL of a database."""
    binaries = next((folder for folder in BINARIES if (folder / "initdb").is_file()), None)
    if binaries is None:
        pytest.skip("no PostgreSQL: expected initdb and pg_ctl in PATH or /usr/lib/postgresql/*/bin")
    folder = Path(tempfile.mkdtemp(prefix="bneck_pg_", dir="/tmp"))  # the path of a socket has 107 bytes at most
    owner = "postgres" if os.geteuid() == 0 else None  # which refuses to run as root
    if owner is not None:
        shutil.chown(folder, owner)

    def run(*words: str) -> None:
        subprocess.run(words, check=True, user=owner, cwd=folder, stdout=subprocess.DEVNULL)

    run(str(binaries / "initdb"), "-D", str(folder / "data"), "-A", "trust", "-U", "tester", "--no-sync")
    control = (str(binaries / "pg_ctl"), "-D", str(folder / "data"), "-w")
    run(*control, "-l", str(folder / "log"), "-o", f"-k {folder} -c listen_addresses='' -c fsync=off", "start")
    try:
        yield f"postgresql://tester@/postgres?host={folder}"
    finally:
        run(*control, "-m", "immediate", "stop")
        shutil.rmtree(folder)


def test_two_drivers_share_a_postgresql_server(tmp_path: Path, postgresql: str) -> None:
    check_shared(tmp_path, f"storage='{postgresql}'")
