"""Every format of the models that `make demo` trains, whole and through its own runtime."""

import json
from importlib.util import find_spec

import pytest

from tasks.export.command import export
from tasks.formats.table import FORMATS
from tasks.inference.loading import load, load_model
from tasks.inference.scoring import score
from tasks.loaders import open_split
from tasks.task import find_task
from tests.support.demos import train_demo
from tests.support.runs import load_config

pytestmark = pytest.mark.slow

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
    run = train_demo(experiment, shared)
    checkpoint, out = run.folder / "model.safetensors", tmp_path / "out"
    options = (f"format={name}", f"precision={precision}", "images=4", "calibration.images=32", "max_drop=1.0")
    (path,) = export(load_config("export", f"checkpoint={checkpoint}", f"out={out}", *options))
    assert json.loads((out / "parity.json").read_text())["passed"] is True
    if not kind.runs:
        return
    description = load_model(checkpoint).description
    task = find_task(description.arch.head)
    reader = open_split(task, description.dataset, "val", classes=description.classes)
    before, after = run.metrics[task.metric], score(load(path, threads=1), reader, workers=0)
    assert after == pytest.approx(before, abs=0.0005) if precision == "fp32" else after > before - 0.01
