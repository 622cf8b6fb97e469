"""What a run leaves on a disk that refuses, and what it goes on from."""

import errno
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from data.errors import InputError
from tasks.files import WriteError
from tasks.models.seals import check_seal
from tasks.runs.manifest import find_faults
from tasks.train.checkpoint_io import SealedCheckpoints
from tasks.train.command import load_best, train
from tests.support.commands import run_command
from tests.support.runs import load_config, small_run
from tests.support.trained import Trained

pytestmark = pytest.mark.usefixtures("blank_figures")


@pytest.fixture
def run(trained: Callable[[str], Trained], tmp_path: Path) -> Path:
    """Return a copy of the folder of a run that was cut before its report."""
    out = Path(shutil.copytree(trained("lraspp").plain, tmp_path / "run"))
    (out / "report.html").unlink()
    return out


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_a_finished_run_is_whole_and_holds_no_file_that_it_hides(trained: Callable[[str], Trained]) -> None:
    run = trained("lraspp").plain
    assert not find_faults(run)
    assert all(check_seal(path) for path in (*run.glob("checkpoints/*.ckpt"), run / "model.safetensors"))
    assert not list(run.rglob(".*"))


@pytest.mark.slow
def test_a_run_goes_on_from_the_newest_checkpoint_that_is_whole(run: Path, caplog: pytest.LogCaptureFixture) -> None:
    flip(run / "checkpoints/last.ckpt")
    (run / "checkpoints/.bneck-part-01234567.ckpt").write_bytes(b"half")
    train(load_config("train", f"resume={run}"))
    assert f"passed over: {run}/checkpoints/last.ckpt: damaged" in caplog.text
    assert not find_faults(run)
    assert not list(run.rglob(".*"))
    for name in ("best", "last"):
        flip(run / f"checkpoints/{name}.ckpt")
    with pytest.raises(InputError, match=r"holds no checkpoint that is whole: .*best\.ckpt: damaged.*last\.ckpt: dama"):
        train(load_config("train", f"resume={run}"))


def test_a_best_checkpoint_that_was_damaged_since_costs_no_run(run: Path, caplog: pytest.LogCaptureFixture) -> None:
    flip(run / "checkpoints/best.ckpt")
    weights = load_best(run)[1]
    assert torch.isfinite(next(iter(weights.values()))).all()
    assert f"passed over: {run}/checkpoints/best.ckpt: damaged" in caplog.text


@pytest.mark.parametrize("command", ["evaluate", "predict", "export", "benchmark", "demo"])
@pytest.mark.parametrize("file", ["model.safetensors", "checkpoints/best.ckpt"])
def test_every_command_refuses_a_flipped_bit_by_name(
    command: str, file: str, run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flip(run / file)
    others = {"predict": [f"source={run}"], "export": ["format=onnx"]}.get(command, [])
    monkeypatch.chdir(run.parent)
    ended = run_command(command, f"checkpoint={run / file}", *others, monkeypatch=monkeypatch, capsys=capsys)
    assert ended.status == 2
    assert f"error: {run / file}: damaged: it is not as it was written" in ended.said


@pytest.mark.parametrize("option", ["weights", "distill.teacher"])
def test_training_starts_from_no_flipped_bit(option: str, run: Path, tmp_path: Path) -> None:
    flip(run / "model.safetensors")
    with pytest.raises(InputError, match=r"model\.safetensors: damaged"):
        train(small_run("lraspp", tmp_path / "new", f"{option}={run / 'model.safetensors'}"))


def make_immutable(path: Path, flag: str) -> None:
    if subprocess.run(["chattr", flag, path], capture_output=True, check=False).returncode:
        pytest.skip("needs chattr and a user who may make files immutable")


def test_a_checkpoint_that_may_not_be_replaced_ends_the_run(run: Path, tmp_path: Path) -> None:
    last = run / "checkpoints/last.ckpt"
    if shutil.which("chattr") is None:
        pytest.skip("needs chattr")
    make_immutable(last, "+i")
    try:
        with pytest.raises(WriteError) as caught:
            SealedCheckpoints(run).save_checkpoint({"state_dict": {}}, last)
    finally:
        make_immutable(last, "-i")
    assert (caught.value.filename, caught.value.errno) == (str(last), errno.EPERM)
    assert check_seal(last)


@pytest.mark.slow
@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.ENOSPC])
def test_a_refused_checkpoint_is_exit_1_and_what_was_kept_is_said(
    number: int, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    replace = Path.replace
    before = (run / "checkpoints/last.ckpt").read_bytes()

    def refuse(part: Path, path: Path) -> Path:
        if path.suffix == ".ckpt":
            raise OSError(number, "refused")
        return replace(part, path)

    config = (run / "config.yaml").read_text().replace("max_epochs: 3", "max_epochs: 4")
    (run / "config.yaml").write_text(config)
    monkeypatch.setattr(Path, "replace", refuse)
    ended = run_command("train", f"resume={run}", "resume_anyway=true", monkeypatch=monkeypatch, capsys=capsys)
    assert ended.status == 1
    assert "checkpoints/last.ckpt: refused" in ended.said or "checkpoints/best.ckpt: refused" in ended.said
    assert "as it was before is kept)" in ended.said
    assert (run / "checkpoints/last.ckpt").read_bytes() == before


HOLD = """
import sys
from pathlib import Path
from tasks.cli.lock import locked
with locked(Path(sys.argv[1]), option="out"):
    print(flush=True)
    sys.stdin.read()
"""


def test_a_run_that_another_process_trains_is_refused_before_anything_is_read(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [sys.executable, "-c", HOLD, str(run)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        for option in ("resume", "out"):
            ended = run_command("train", f"{option}={run}", monkeypatch=monkeypatch, capsys=capsys)
            assert ended.status == 2
            assert f"error: {option}: {run} is in use by process {process.pid} on " in ended.said
        process.communicate(b"")


@pytest.mark.slow
def test_a_checkpoint_of_the_version_before_still_loads(run: Path) -> None:
    last = run / "checkpoints/last.ckpt"
    content = torch.load(last, weights_only=True)
    for path in run.glob("checkpoints/*.ckpt"):
        torch.save(content, path)  # as Lightning wrote it, without a checksum
    (run / "manifest.json").unlink()
    assert not check_seal(last)
    metrics: dict[str, Any] = train(load_config("train", f"resume={run}"))
    assert metrics["mIoU"] >= 0
    assert not find_faults(run)
