import os
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.train.__main__ import main as train
from tests.support.sound_sets import write_yolo


@pytest.mark.parametrize(("own", "expected"), [(None, "1000"), ("7", "7")])
def test_threads_that_wait_sleep_soon_unless_it_is_set(
    own: str | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOMP_SPINCOUNT", own or "")
    if own is None:
        monkeypatch.delenv("GOMP_SPINCOUNT")
    monkeypatch.setattr(sys, "argv", ["train", "nothing=like_this"])
    with pytest.raises(SystemExit):
        train()
    assert os.environ["GOMP_SPINCOUNT"] == expected


@pytest.mark.slow
def test_a_file_name_that_is_not_utf8_is_printed_escaped(tmp_path: Path) -> None:
    root = write_yolo(tmp_path / "yolo")
    latin = os.fsdecode("é".encode("latin-1"))
    (root / "images/val/val_03.png").rename(root / f"images/val/{latin}.png")
    (root / f"labels/val/{latin}.txt").write_text("0 0.5 0.5 0.3 0.3\n" * 2)
    options = ["dataset=yolo", f"dataset.root={root}", f"out={tmp_path / 'out'}"]
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8:strict", "PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, "-m", "tasks.doctor", *options]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "\\udce9.png: box at (34, 34): car, twice" in done.stdout
