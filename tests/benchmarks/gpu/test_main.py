"""What is measured on a GPU, tried without one: one stage after the other, on tiny sizes."""

import json
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from benchmarks.gpu import __main__ as gpu
from benchmarks.gpu import camvid
from benchmarks.gpu.drawings import draw
from benchmarks.gpu.scale import SCALES, TASKS
from benchmarks.gpu.stage import STAGES
from benchmarks.gpu.stage import main as run_stage
from benchmarks.gpu.table import render

SMALL = SCALES["cpu"]
STEP = {"ms a step": 20.0, "ms of kernels a step": 16.0, "launches a step": 9.0, "peak memory, MiB": 5.0}
INPUTS = {"images a second, decoding, GPU": 40.0, "ms a batch, copying": 0.5}
WAYS = ("launched", "launched again", "replayed")


@pytest.mark.slow
@pytest.mark.usefixtures("blank_figures")
@pytest.mark.parametrize("task", TASKS)
def test_every_stage_gives_its_numbers(task: str, tmp_path: Path) -> None:
    draw(tmp_path / "data", SMALL)
    for name in STAGES:
        run_stage(name, task, "cpu", str(tmp_path))
    found = {name: json.loads((tmp_path / f"{name}_{task}.json").read_text()) for name in STAGES}
    assert all(found[name]["images a second"] > 0 for name in ("replayed", "launched", "torchvision"))
    assert len(found["inputs"]) == 8
    assert all(number > 0 for number in found["inputs"].values())
    assert set(found["steps"]) == {f"{way}, {bits}" for way in WAYS[:2] for bits in ("32-true", "bf16-mixed")}
    assert found["steps"]["launched again, 32-true"]["difference"] == 0


def test_a_stage_that_fails_is_noted_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def run(command: list[str], **_: object) -> Any:
        name, task, _, folder = command[-4:]
        if name == "steps":
            return SimpleNamespace(returncode=1, stderr="Traceback\nRuntimeError: no such kernel\n")
        Path(folder, f"{name}_{task}.json").write_text('{"images a second": 5.0}')
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(gpu.subprocess, "run", run)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert gpu.main(["device=cpu"]) == 1
    noted = json.loads((tmp_path / "gpu_trial.json").read_text())
    assert noted["lraspp"]["steps"] == {"error": "RuntimeError: no such kernel"}
    assert noted["ssdlite"]["torchvision"] == {"images a second": 5.0}
    assert "| times torchvision | 1.00 | 1.00 |" in capsys.readouterr().out


def test_the_table_has_a_dash_where_nothing_was_measured() -> None:
    steps = {f"{way}, {bits}": {**STEP, "difference": 1e-5} for way in WAYS for bits in ("32-true", "bf16-mixed")}
    lines = render(
        {"lraspp": {"steps": steps, "replayed": {"images a second": 100.0}}, "ssdlite": {"inputs": INPUTS}}, SMALL
    ).splitlines()
    assert lines[0] == "| | ssdlite, 64 x 64, batch 2 | lraspp, 64 x 96, batch 2 |"
    assert "| images/s, tasks.train, replayed | - | 100 |" in lines
    assert "| card busy in tasks.train, replayed, % | - | 80 |" in lines  # 50 steps a second of 16 ms each
    assert "| images/s, decoding, GPU | 40 | - |" in lines
    assert "| ms a batch, copying | 0.50 | - |" in lines
    assert "| largest difference of losses, replayed, 32-true | - | 1.0e-05 |" in lines


def test_the_run_on_camvid_has_the_epochs_that_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[Any] = []
    monkeypatch.setattr(camvid, "train", trained.append)
    monkeypatch.setattr(camvid, "read_speed", lambda run: 50.0)
    monkeypatch.setattr(camvid, "open_split", lambda *_: range(100))
    monkeypatch.setattr(camvid, "evaluate", lambda config: {"mIoU": 0.5 if "test" in str(config.dataset) else 0.0})
    found = camvid.run(tmp_path, SMALL, tmp_path / "out", minutes=3, options=["lr=0.2"])
    assert found["epochs"] == trained[1].trainer.max_epochs == 59  # of two seconds each, in almost two minutes
    assert found["test mIoU"] == 0.5
    assert [(config.recipe.lr, config.recipe.batch_size, config.recipe.input_size) for config in trained] == [
        (0.2, 16, (352, 480))
    ] * 2


@pytest.mark.skipif(torch.cuda.is_available(), reason="is about machines without a GPU")
def test_without_a_gpu_one_line_says_so(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        gpu.main([])
    assert "no GPU; device=cpu tries all of it on tiny sizes" in capsys.readouterr().err
