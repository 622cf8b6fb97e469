"""Every format of the models that `make demo` trains, whole and through its own runtime.

Each command is a process of its own: what one runtime does to its process is no matter of another.
"""

import json
from importlib.util import find_spec

import pytest

from tasks.formats.table import FORMATS
from tasks.task import TASKS
from tests.support.apart import run_apart
from tests.support.demos import train_demo

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]  # the first of a group trains its model

CASES = [
    pytest.param(experiment, name, precision, marks=pytest.mark.xdist_group(experiment))
    for experiment in ("demo_ssdlite", "demo_lraspp")
    for name, kind in FORMATS.items()
    for precision in ("fp32", "int8")
    if precision in kind.precisions
]


@pytest.mark.parametrize(("experiment", "name", "precision"), CASES)
def test_a_trained_model_keeps_its_metric(experiment, name, precision, shared, tmp_path):
    kind = FORMATS[name]
    if missing := [package for package in kind.packages if find_spec(package) is None]:
        pytest.skip(f"{', '.join(missing)} is not installed: make export does it")
    trained = train_demo(experiment, shared)
    checkpoint, out = trained.folder / "model.safetensors", tmp_path / "out"
    options = [f"format={name}", f"precision={precision}", "images=4"]
    options += ["calibration.images=32", "max_drop=1.0"] if precision == "int8" else []
    run_apart("export", f"checkpoint={checkpoint}", f"out={out}", *options, said=tmp_path / "said")
    assert json.loads((out / "parity.json").read_text())["passed"] is True
    if not kind.runs:
        return
    (metric,) = {task.metric for task in TASKS.values()} & trained.metrics.keys()
    before = trained.metrics[metric]
    said = json.loads((out / "quantization.json").read_text())["metric"] if precision == "int8" else None
    if said is not None:
        assert said["before"] == pytest.approx(before, abs=0.0005)
        assert said["after"] > before - 0.01
        if name != "onnx":  # once an evaluation shows that it is as the export says
            return
    (path,) = json.loads((out / "model.json").read_text())["files"]
    evaluated = tmp_path / "evaluated"
    run_apart("evaluate", f"checkpoint={out / path}", f"out={evaluated}", "accelerator=cpu", said=tmp_path / "said")
    after = json.loads((evaluated / "metrics.json").read_text())[metric]
    assert after == pytest.approx(said["after"] if said else before, abs=0.0005)
