import json
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from data.errors import InputError
from tasks.adapt import listing
from tasks.adapt.command import BACKBONE, RESULT, adapt
from tasks.adapt.config import AdaptConfig
from tasks.adapt.log import LOG, load_log
from tasks.adapt.proposals import Space
from tasks.adapt.widths import own_rows
from tasks.evaluate.command import evaluate
from tasks.files import write_text
from tasks.inference.loading import load_model
from tasks.latency.table import LARGE, SMALL, count_values, list_layers, read_table, write_table
from tasks.models.checkpoint import load_checkpoint
from tasks.models.table_file import read_table as read_rows
from tasks.profiling.latency import default_image
from tasks.profiling.summary import find_input
from tests.support.runs import load_config
from tests.support.trained import Trained

QUICK = ("step=0.25", "delta=0.1", "tune_steps=1", "images=2", "epochs=1", "accelerator=cpu", "dataset.workers=0")


def make_space(run: Path) -> Space:
    description, _ = load_checkpoint(run / "model.safetensors")
    return Space(own_rows(description.arch), find_input(description, default_image(description)), 0.25, 0.25)


def make_table(run: Path, path: Path) -> Path:
    """Write made-up latencies of all layers."""
    generator = random.Random(0)
    known = {SMALL.name: 1e-6, LARGE.name: 2e-6}
    for layer in make_space(run).layers():
        known[layer.name] = count_values(layer) * 1e-4 * generator.uniform(0.9, 1.1)
    write_table(path, known)
    return path


def configure(run: Path, out: Path, *options: str) -> AdaptConfig:
    table = make_table(run, out.parent / "device.csv")
    checkpoint = f"checkpoint={run / 'model.safetensors'}"
    return load_config("adapt", checkpoint, f"device={table}", f"out={out}", *QUICK, *options)


@pytest.mark.slow
@pytest.mark.parametrize("task", ["ssdlite", "lraspp", "classify"])
def test_a_network_is_adapted_and_usable(
    task: str, trained: Callable[[str], Trained], tmp_path: Path, blank_figures: None
) -> None:
    run, out = trained(task).plain, tmp_path / "out"
    result = adapt(configure(run, out, "target_latency=0.75x", "finish=tune" if task == "ssdlite" else "finish=none"))
    log = load_log(out)
    assert log is not None
    assert result["adapted"]["latency_ms"] <= log.target == pytest.approx(0.75 * log.latency)
    space, known = make_space(run), read_table(tmp_path / "device.csv")
    arch = load_model(out / "adapted.safetensors").description.arch
    each = (known[LARGE.name] - known[SMALL.name]) / (count_values(LARGE) - count_values(SMALL))
    call = known[SMALL.name] - each * count_values(SMALL)
    layers = list_layers(arch, space.size)
    by_hand = call + sum(known[layer.name] - call - each * count_values(layer) for layer in layers)
    assert result["adapted"]["latency_ms"] == pytest.approx(by_hand)
    before = log.latency
    for step in log.steps:
        saved = [before - proposal.latency for proposal in step.proposals]
        assert step.winner is not None
        assert min(saved) >= 0.1 * log.latency or step is not log.steps[0]
        before = step.winner.latency
    assert read_rows(out / BACKBONE).table == arch.table
    assert json.loads((out / RESULT).read_text())["steps"] == len(log.steps)
    assert "report.html" in {path.name for path in out.iterdir()}
    if task == "ssdlite":
        final = out / "final/model.safetensors"
        options = (f"checkpoint={final}", f"out={tmp_path / 'eval'}", "accelerator=cpu")
        assert evaluate(load_config("evaluate", *options))["mAP"] == pytest.approx(result["final"]["mAP"], abs=1e-6)
        assert load_model(final).description.arch.table == arch.table


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("target_latency=0.01x",), r"target_latency: 0\.01x, .* cannot be reached: with least=0\.25"),
        (("target_latency=1e9ms",), "target_latency: '1e9ms'; expected a share"),
        (("target_latency=99999ms",), r"target_latency: .* takes .* already"),
        (("device=phone",), "device: unknown 'phone'; choose from torch"),
        (("device=nowhere.csv",), "device: no file nowhere.csv"),
        (("delta=0",), "delta: 0"),
        (("step=0.9",), "step: 0.9; expected at most 0.75"),
        (("images=0",), "images: 0; expected an integer from 1"),
        (("finish=later",), "finish: unknown 'later'"),
    ],
)
def test_what_cannot_be_done_is_refused_before_any_training(
    options: tuple[str, ...],
    said: str,
    trained: Callable[[str], Trained],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tasks.adapt.tuning.Tuner.tune", None)
    with pytest.raises(InputError, match=said):
        adapt(configure(trained("ssdlite").plain, tmp_path / "out", *options))


def test_a_table_with_other_layers_is_refused_by_name(trained: Callable[[str], Trained], tmp_path: Path) -> None:
    run = trained("ssdlite").plain
    config = configure(run, tmp_path / "out")
    known = read_table(tmp_path / "device.csv")
    name = next(name for name in known if name.startswith("extra"))
    write_table(tmp_path / "device.csv", {each: ms for each, ms in known.items() if each != name})
    with pytest.raises(InputError, match=re.escape(f"layer {name!r} is missing")):
        adapt(config)
    write_table(tmp_path / "device.csv", known | {"pool": 1.0})
    with pytest.raises(InputError, match="layer 'pool' is unknown"):
        adapt(config)


def test_a_checkpoint_without_its_run_is_refused(trained: Callable[[str], Trained], tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    shutil.copy(trained("ssdlite").plain / "model.safetensors", run)
    with pytest.raises(InputError, match=r"holds no config\.yaml; expected a checkpoint in the folder of its run"):
        adapt(configure(run, tmp_path / "out"))
    with pytest.raises(InputError, match="expected the folder of an adaptation"):
        adapt(load_config("adapt", f"resume={run}"))
    with pytest.raises(InputError, match="checkpoint: none given"):
        load_config("adapt")


def start(*options: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "tasks.adapt", *options], cwd=Path(__file__).parents[3])


@pytest.mark.slow
def test_an_adaptation_killed_anywhere_goes_on_to_the_same_end(
    trained: Callable[[str], Trained], tmp_path: Path
) -> None:
    run = trained("ssdlite").plain
    make_table(run, tmp_path / "device.csv")
    options = (f"checkpoint={run / 'model.safetensors'}", f"device={tmp_path / 'device.csv'}", *QUICK)
    options += ("target_latency=0.6x", "finish=none", "tune_steps=3")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert start(*options, f"out={whole}").wait() == 0
    process = start(*options, f"out={killed}")
    for kill in range(3):  # in the first step, in a later one, and wherever that is
        wanted = 2 + 4 * kill
        while count_proposals(killed) < wanted and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process = start(f"resume={killed}")
    assert process.wait() == 0
    assert (killed / LOG).read_text() == (whole / LOG).read_text()
    assert (killed / BACKBONE).read_text() == (whole / BACKBONE).read_text()
    weights = [load_checkpoint(folder / "adapted.safetensors")[1] for folder in (whole, killed)]
    assert all(torch.equal(weights[1][name], value) for name, value in weights[0].items())
    assert not list((killed / "weights").glob("*proposal*"))
    with pytest.raises(InputError, match=r"delta=0\.2 cannot be changed"):
        adapt(load_config_typed(f"resume={killed}", "delta=0.2"))


def load_config_typed(*options: str) -> AdaptConfig:
    return replace(load_config("adapt", *options), typed=options)


def count_proposals(out: Path) -> int:
    try:
        log = load_log(out)
    except InputError:
        return 0
    return 0 if log is None else sum(len(step.proposals) for step in log.steps)


def test_layers_are_listed_for_a_device(trained: Callable[[str], Trained], tmp_path: Path) -> None:
    run = trained("classify").plain
    space = make_space(run)
    options = (f"checkpoint={run / 'model.safetensors'}", f"layers={tmp_path / 'layers'}", "step=0.25")
    found = adapt(load_config("adapt", *options, "device=torch", f"out={tmp_path / 'out'}"))
    lines = (tmp_path / "layers/layers.csv").read_text().splitlines()
    assert lines[0] == "layer,file"
    assert [line.rpartition(",")[0] for line in lines[1:]] == [each.name for each in (SMALL, LARGE, *space.layers())]
    assert found == {"layers": len(lines) - 1}


FAKES = {
    "litert": "Inference timings in us: Init: 568, First inference: 1853, Warmup (avg): 1446, Inference (avg): 1457.5",
    "executorch": "I 00:00:01 executor_runner.cpp:356] Model executed successfully 100 time(s) in 145.750000 ms.",
}


@pytest.mark.slow
@pytest.mark.parametrize("runtime", FAKES)
def test_what_a_device_says_becomes_a_table(
    runtime: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trained: Callable[[str], Trained]
) -> None:
    monkeypatch.setattr(listing, "write_graph", lambda graph, path, kind: write_text(path, "") or path)
    monkeypatch.setattr(listing, "LayerGraph", lambda module, shape: None)
    folder, space = tmp_path / "layers", make_space(trained("classify").plain)
    listing.write_layers(folder, space, device=runtime)
    tool = folder / "tool"
    tool.write_text(f"#!/bin/sh\ncat\necho '{FAKES[runtime]}'\n")  # one that reads what it is given
    tool.chmod(0o755)
    subprocess.run(["sh", str(folder / "measure.sh")], check=True, env={"TOOL": "./tool", "PATH": "/usr/bin:/bin"})
    known = read_table(folder / "latency.csv")
    assert set(known) == {each.name for each in (SMALL, LARGE, *space.layers())}
    assert set(known.values()) == {1.4575}
