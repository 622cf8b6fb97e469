import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.commands import run_command
from tests.support.runs import CONF
from tests.support.trained import Trained

PAGE = (CONF.parent / "docs/troubleshooting.md").read_text(encoding="utf-8")


@pytest.fixture
def examine(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path):
    """Return a function from a run's folder to the exit status of the doctor and all that it says."""
    monkeypatch.chdir(tmp_path)

    def call(run: Path) -> tuple[int, str]:
        ended = run_command("doctor", f"run={run}", monkeypatch=monkeypatch, capsys=capfd)
        return ended.status, ended.said

    return call


@pytest.fixture
def run(trained: Callable[[str], Trained], tmp_path: Path) -> Path:
    """Return a copy of the folder of a finished run."""
    return Path(shutil.copytree(trained("lraspp").plain, tmp_path / "run"))


@pytest.mark.slow
def test_the_files_of_a_run_are_looked_at_in_place_of_data(run: Path, examine, monkeypatch: pytest.MonkeyPatch) -> None:
    printed: list[str] = []
    monkeypatch.setattr("rich.console.Console.print", lambda _, text, **__: printed.append(str(text)))
    assert examine(run)[0] == 0
    assert printed[-1].endswith("files in its manifest; all are as they were written.")
    metrics = run / "metrics.json"
    metrics.write_text(metrics.read_text() + " ")
    (run / "results.json").write_text("[]")
    (run / "curves.png").unlink()
    assert examine(run)[0] == 1
    said = "\n".join(printed)
    assert (
        f"{metrics}: changed: {metrics.stat().st_size} bytes; {metrics.stat().st_size - 1} when it was written" in said
    )
    assert f"{run / 'curves.png'}: missing" in said
    assert "2 damaged" in said
    assert not (run.parent / "outputs").exists()


def test_what_is_no_run_is_refused(run: Path, examine) -> None:
    assert examine(Path("RUN"))[0] == 2
    assert examine(Path("RUN"))[1] == "error: run: RUN: no such folder; expected the folder of a run\n"
    (run / "manifest.json").unlink()
    assert "holds no manifest.json; expected the folder of a run that this version has written" in examine(run)[1]


@pytest.mark.parametrize(
    "message",
    [
        "run: RUN: no such folder; expected the folder of a run",
        "holds no manifest.json; expected the folder of a run that this version has written",
        "changed: 291 bytes; 290 when it was written",
        "changed: as many bytes as when it was written, but others",
        "whole, but not the one in the manifest",
        "damaged: it is not as it was written (its SHA-256 is another); expected a copy that is whole",
        "expected a size and hash of a file inside",
        "passed over: ",
        "the newest that is whole",
        "holds no checkpoint that is whole: ",
        "expected a checkpoint as training writes it; weights=",
        "is in use by process 4711 on host",
        "as it was before is kept)",
        "what was written reads back otherwise",
        "expected a file that may be changed (immutable? lsattr shows it)",
    ],
)
def test_the_page_explains_each_message(message: str) -> None:
    assert f"`{message}`" in PAGE
