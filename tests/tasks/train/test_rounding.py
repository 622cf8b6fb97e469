from importlib.util import find_spec

import numpy as np
import pytest
import torch

from data.errors import InputError
from tasks.detection.graph import DetectorGraph
from tasks.export.command import export
from tasks.formats.conversion import Conversion
from tasks.formats.operators import integer_share
from tasks.formats.session import compute
from tasks.formats.settings import GraphSettings
from tasks.formats.table import FORMATS
from tasks.inference.loading import load
from tasks.segmentation.graph import SegmenterGraph
from tasks.train.command import train
from tests.support.runs import load_config, small_run
from tests.support.untrained import write_untrained

GRAPHS = {"ssdlite": (DetectorGraph, {"nms": False}), "lraspp": (SegmenterGraph, {"argmax": "none"})}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["quantize=int8"], "RUN/model.safetensors"),
        (["quantize=int4", "weights=a"], "unknown 'int4'"),
        (["quantize=int8", "weights=a", "trainer.compile=true"], "cannot be compiled"),
    ],
)
def test_rounding_is_refused_where_it_cannot_be(options, message):
    with pytest.raises(InputError, match=message):
        load_config("train", *options)


def rounded_run(task, folder, *overrides):
    """Train on, in integers, from random weights."""
    weights = write_untrained(task, folder)
    train(small_run(task, folder / "run", f"weights={weights}", "quantize=int8", "trainer.max_epochs=1", *overrides))
    return folder / "run" / "model.safetensors"


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, kind in FORMATS.items() if "int8" in kind.precisions])
@pytest.mark.parametrize("task", GRAPHS)
def test_what_was_trained_in_integers_is_written_in_them(task, name, tmp_path):
    if missing := [package for package in FORMATS[name].packages if find_spec(package) is None]:
        pytest.skip(f"{', '.join(missing)} is not installed: make export does it")
    model = load(rounded_run(task, tmp_path))
    assert model.description.arch.quantized
    kind, settings = GRAPHS[task]
    code, path = FORMATS[name].code, tmp_path / f"model{FORMATS[name].suffix}"
    graph = kind(model, GraphSettings(size=(64, 96), **settings))
    FORMATS[name].convert(graph, path, Conversion("int8"))
    images = np.random.default_rng(0).integers(0, 256, (1, 64, 96, 3), dtype=np.uint8)
    found = compute(code.open_session(path, threads=1), images)
    for output, expected in zip(graph.outputs, graph(torch.from_numpy(images)), strict=True):
        wrong = np.abs(found[output] - expected.numpy()).mean()
        assert wrong < 0.05 * expected.abs().mean(), output
    assert integer_share(code.list_operators(path)) == 1


@pytest.mark.slow
def test_rounded_weights_go_on_in_a_rounded_run_alone_and_are_written_in_integers_alone(tmp_path):
    path = rounded_run("ssdlite", tmp_path)
    with pytest.raises(InputError, match="expected quantize=int8 here too"):
        train(small_run("ssdlite", tmp_path / "float", f"weights={path}"))
    with pytest.raises(InputError, match="trained with quantize=int8"):
        export(load_config("export", f"checkpoint={path}", "format=onnx", f"out={tmp_path / 'out'}"))
