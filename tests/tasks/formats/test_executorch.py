import subprocess
import sys

import numpy as np
import pytest
import torch

from tasks.detection.graph import DetectorGraph
from tasks.formats.conversion import Conversion, Quantization
from tasks.formats.graph import give_all
from tasks.formats.operators import integer_share
from tasks.formats.settings import GraphSettings
from tasks.formats.table import FORMATS
from tasks.inference.loading import load
from tasks.segmentation.graph import SegmenterGraph
from tests.support.random_weights import randomize
from tests.support.untrained import write_untrained

pytest.importorskip("executorch")
pytestmark = pytest.mark.slow

SIZE = (64, 64)
EXECUTORCH = FORMATS["executorch"].code


def build(task, folder, **settings):
    model = randomize(load(write_untrained(task, folder)))
    kind = {"ssdlite": DetectorGraph, "lraspp": SegmenterGraph}[task]
    return kind(model, GraphSettings(size=SIZE, **settings))


def photos(n, seed=0):
    return list(np.random.default_rng(seed).integers(0, 256, (n, 1, *SIZE, 3), dtype=np.uint8))


def run(graph, path, images, precision="fp32"):
    """Return what the written file gives, what torch gives, and the file's session."""
    EXECUTORCH.convert(graph, path, Conversion(precision, quantization=Quantization(photos(8, seed=1))))
    session = EXECUTORCH.open_session(path, threads=1)
    with torch.no_grad():
        expected = {name: x.numpy() for name, x in zip(graph.outputs, graph(torch.from_numpy(images)), strict=True)}
    return session(images), expected, session


def difference(found, expected):
    return np.abs(found.astype(float) - expected).max() / max(np.abs(expected).max(), 1e-9)


@pytest.mark.parametrize("task", ["ssdlite", "lraspp"])
def test_every_stage_is_that_of_torch(task, tmp_path, capfd):
    graph = give_all(build(task, tmp_path, scores=True))
    found, expected, session = run(graph, tmp_path / "model.pte", photos(1)[0])
    assert [port.name for port in session.outputs] == list(found) == list(graph.outputs)
    assert {name: difference(found[name], expected[name]) < 1e-5 for name in found} == dict.fromkeys(found, True)
    assert (session.input.shape, session.input.dtype) == ((1, *SIZE, 3), "uint8")
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "")


@pytest.mark.parametrize(
    ("task", "settings"),
    [
        ("ssdlite", {"input": "float", "nms": False, "hswish": "parts"}),
        ("lraspp", {"input": "float", "argmax": "low", "hswish": "parts"}),
        ("lraspp", {"argmax": "none"}),
    ],
)
def test_what_goes_into_a_file_is_chosen(task, settings, tmp_path):
    graph = build(task, tmp_path, **settings)
    images = graph.example().numpy()
    found, expected, _ = run(graph, tmp_path / "model.pte", images)
    assert {name: difference(found[name], expected[name]) < 1e-5 for name in found} == dict.fromkeys(found, True)


def test_a_network_in_half_precision_has_ends_in_single(tmp_path):
    graph = build("ssdlite", tmp_path, nms=False)
    found, expected, _ = run(graph, tmp_path / "model.pte", photos(1)[0], "fp16")
    assert all(found[name].dtype == np.float32 for name in found)
    assert all(1e-6 < difference(found[name], expected[name]) < 1e-2 for name in found)
    kinds = {(operator.type, operator.dtype) for operator in EXECUTORCH.list_operators(tmp_path / "model.pte")}
    assert ("XNNConv2d", "float16") in kinds
    assert ("XNNConv2d", "float32") not in kinds


def test_integers_stay_close_and_all_convolutions_are_computed_in_them(tmp_path):
    graph, path = build("lraspp", tmp_path, argmax="none"), tmp_path / "model.pte"
    found, expected, _ = run(graph, path, photos(1)[0], "int8")
    assert difference(found["logits"], expected["logits"]) < 0.2
    operators = EXECUTORCH.list_operators(path)
    assert integer_share(operators) == 1
    convolutions = [m for m in graph.modules() if isinstance(m, torch.nn.Conv2d)]
    assert sum("Conv2d" in operator.type for operator in operators) == len(convolutions)


def test_excluded_layers_stay_in_float(tmp_path):
    graph, path = build("lraspp", tmp_path, argmax="none"), tmp_path / "model.pte"
    quantization = Quantization(photos(2), frozenset({"backbone.stem.conv", "head.classify"}))
    EXECUTORCH.convert(graph, path, Conversion("int8", quantization=quantization))
    operators = [operator for operator in EXECUTORCH.list_operators(path) if "Conv2d" in operator.type]
    assert [operator.dtype for operator in operators].count("float32") == 2
    assert operators[0].dtype == "float32"


def test_multiply_adds_are_those_of_the_network(tmp_path):
    graph, path = build("ssdlite", tmp_path, nms=False), tmp_path / "model.pte"
    EXECUTORCH.convert(graph, path, Conversion())
    total = 0

    def count(layer, _, output):
        nonlocal total
        total += layer.weight[0].numel() * output[0].numel()

    for layer in graph.modules():
        if isinstance(layer, torch.nn.Conv2d):
            layer.register_forward_hook(count)
    graph(graph.example())
    assert sum(operator.madds for operator in EXECUTORCH.list_operators(path)) == total


HOSTILE = """
import sys
from pathlib import Path
from data.errors import InputError
from tasks.formats.table import FORMATS
for path in map(Path, sys.argv[1:]):
    code = FORMATS["executorch"].code
    for act in (lambda: code.open_session(path, threads=1), lambda: code.list_operators(path)):
        try:
            act()
        except InputError as error:
            assert str(path) in str(error), error
        else:
            raise SystemExit(f"{path} was taken")
"""


def test_broken_and_foreign_files_are_refused_by_name(tmp_path):
    path = tmp_path / "model.pte"
    EXECUTORCH.convert(build("ssdlite", tmp_path, nms=False), path, Conversion())
    content = path.read_bytes()
    broken = {
        "empty": b"",
        "short": content[:20],
        "half": content[: len(content) // 2],
        "cut": content[:-1],
        "foreign": b"\x89PNG\r\n\x1a\n" + bytes(200),
        "zeros": content[:40] + bytes(len(content) - 40),
    }
    for name, data in broken.items():
        (tmp_path / f"{name}.pte").write_bytes(data)
    files = [str(tmp_path / f"{name}.pte") for name in broken]
    done = subprocess.run([sys.executable, "-c", HOSTILE, *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-500:]


def test_no_level_takes_the_scale_of_another_and_boxes_are_decoded_in_float(tmp_path):
    from tasks.formats.executorch_lowering import JOINS, export, quantize

    graph = build("ssdlite", tmp_path)
    module = quantize(export(graph, graph.example()), Quantization(photos(2)))
    levels, corners = [], []
    for join in (node for node in module.graph.nodes if node.target in JOINS):
        of_head = any(name == "head" for name, _ in join.meta["nn_module_stack"].values())
        (levels if of_head else corners).append([str(given.target) for given in join.args[0]])
        scales = {given.args[1] for given in join.args[0]}
        assert not of_head or len(scales) == len(join.args[0])
    assert len(levels) == 2
    assert len(corners) == 1
    assert not any("quantize" in given for given in corners[0])
