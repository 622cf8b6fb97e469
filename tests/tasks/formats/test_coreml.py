import shutil
from typing import get_args

import numpy as np
import pytest
import torch
from torch import nn

from data.errors import InputError
from tasks.formats.conversion import Conversion
from tasks.formats.graph import give_all
from tasks.formats.settings import System
from tasks.formats.table import FORMATS
from tests.support.graphs import GRAPHS, draw_images, largest_difference, make_graph, run_eager

pytestmark = pytest.mark.slow
pytest.importorskip("coremltools")

COREML = FORMATS["coreml"]


def convert(graph, folder, **options):
    path = folder / "model.mlpackage"
    COREML.code.convert(graph, path, Conversion(**options))
    return path


def compute(path):
    """Return images for a file and what its program makes of them, each operation computed in torch."""
    from tasks.formats.coreml_program import run_program

    images = draw_images(COREML.code.describe_ports(path)[0])
    return images, run_program(path, images)


def list_convolutions(graph):
    """Return the convolutions of a network in the order of their execution, with what decides what they compute."""
    found = []
    for layer in graph.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(lambda own, inputs, y: found.append(own))
    with torch.no_grad():
        graph(graph.example())
    return [
        (layer.stride, tuple(np.repeat(layer.padding, 2)), layer.dilation, layer.groups, layer.weight.numpy())
        for layer in found
    ]


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return convert(make_graph("ssdlite", nms=False), tmp_path_factory.mktemp("coreml"))


@pytest.mark.parametrize(
    "settings",
    [{"scores": True}, {"nms": False, "argmax": "none", "input": "float"}, {"argmax": "low", "hswish": "parts"}],
    ids=["whole", "raw", "parts"],
)
@pytest.mark.parametrize("task", GRAPHS)
def test_every_stage_of_the_program_is_that_of_torch(task, settings, tmp_path):
    graph = give_all(make_graph(task, **settings))
    images, found = compute(convert(graph, tmp_path))
    assert largest_difference(found, run_eager(graph, images)) < 1e-5
    assert [path.name for path in tmp_path.iterdir()] == ["model.mlpackage"]


@pytest.mark.parametrize("target", ["iOS15", "macOS15"])
def test_every_system_computes_the_same_boxes(target, tmp_path):
    graph = make_graph("ssdlite")
    images, found = compute(convert(graph, tmp_path, deployment_target=target))
    assert largest_difference(found, run_eager(graph, images)) < 1e-5


def test_a_map_larger_than_the_pooling_window_is_pooled_as_in_torch(tmp_path):
    graph = make_graph("lraspp", size=(800, 832), argmax="none")
    images, found = compute(convert(graph, tmp_path))
    assert largest_difference(found, run_eager(graph, images)) < 1e-5


@pytest.mark.parametrize("task", GRAPHS)
def test_convolutions_are_those_of_the_network(task, tmp_path):
    from tasks.formats.coreml_program import read_operations

    graph = make_graph(task)
    path = convert(graph, tmp_path)
    found = [operation.inputs for operation in read_operations(path).operations if operation.op_type == "conv"]
    expected = list_convolutions(graph)
    assert len(found) == len(expected) > 30
    names = ("strides", "pad", "dilations")
    left = [(*(tuple(o[name].val) for name in names), int(o["groups"].val), o["weight"].val) for o in found]
    for own in expected:  # branches may stand in another order
        same = [other for other in left if other[:4] == own[:4] and np.array_equal(other[4], own[4])]
        assert same
        left = [other for other in left if other is not same[0]]
    total = sum(operator.madds for operator in COREML.code.list_operators(path) if operator.type == "conv")
    assert total > 1e6


@pytest.mark.parametrize("task", GRAPHS)
def test_half_precision_halves_the_weights_and_keeps_boxes_and_places_whole(task, tmp_path):
    graph = make_graph(task, nms=False, argmax="none")
    images, found = compute(convert(graph, tmp_path, precision="fp16"))
    assert 1e-6 < largest_difference(found, run_eager(graph, images)) < 0.02
    weights = tmp_path / "model.mlpackage/Data/com.apple.CoreML/weights/weight.bin"
    assert weights.stat().st_size < 2.3 * sum(parameter.numel() for parameter in graph.parameters())
    whole = convert(make_graph(task), tmp_path, precision="fp16")
    operators = COREML.code.list_operators(whole)
    assert {operator.dtype for operator in operators if operator.type == "conv"} == {"float16"}
    assert {operator.dtype for operator in operators if operator.type in ("exp", "matmul")} <= {"float32"}


def change_constants(package, changed, conv, changes):
    """Write a package again in which constants of one of its convolutions have other values."""
    from coremltools.models.utils import load_spec, save_spec

    spec = load_spec(str(package))
    block = next(iter(spec.mlProgram.functions["main"].block_specializations.values()))
    operation = [operation for operation in block.operations if operation.type == "conv"][conv]
    constants = {operation.outputs[0].name: operation for operation in block.operations if operation.type == "const"}
    for name, values in changes.items():
        constant = constants[operation.inputs[name].arguments[0].name].attributes["val"].immediateValue.tensor
        constant.ints.values[:] = values
    save_spec(spec, str(changed), weights_dir=str(package / "Data/com.apple.CoreML/weights"))


@pytest.mark.parametrize(
    ("conv", "changes"),
    [(0, {"pad": [0, 2, 0, 2]}), (9, {"pad": [2, 2, 2, 2], "dilations": [2, 2]})],
    ids=["same for symmetric padding", "dilation"],
)
def test_a_convolution_that_looks_elsewhere_is_found(conv, changes, package, tmp_path):
    change_constants(package, tmp_path / "changed.mlpackage", conv, changes)
    images, found = compute(tmp_path / "changed.mlpackage")
    assert largest_difference(found, run_eager(make_graph("ssdlite", nms=False), images)) > 1e-3


def test_a_wrong_stride_is_found_by_the_shapes(package, tmp_path):
    change_constants(package, tmp_path / "changed.mlpackage", 0, {"strides": [1, 1]})
    with pytest.raises(InputError, match=r"gives|damaged"):
        compute(tmp_path / "changed.mlpackage")


def test_scaled_weights_are_found(package, tmp_path):
    copied = tmp_path / "copied.mlpackage"
    shutil.copytree(package, copied)
    weights = copied / "Data/com.apple.CoreML/weights/weight.bin"
    values = np.fromfile(weights, np.float32)
    middle = slice(len(values) // 2, len(values) // 2 + 64)
    values[middle] *= 1.5
    values.tofile(weights)
    images, found = compute(copied)
    assert largest_difference(found, run_eager(make_graph("ssdlite", nms=False), images)) > 1e-4


def test_the_contract_is_an_image_or_a_tensor(package, tmp_path):
    taken, given = COREML.code.describe_ports(package)
    assert (taken.name, taken.shape, taken.dtype) == ("images", (1, 64, 96, 3), "uint8")
    assert [(port.name, port.dtype) for port in given] == [("class_logits", "float32"), ("deltas", "float32")]
    path = convert(make_graph("lraspp", input="float"), tmp_path)
    taken, given = COREML.code.describe_ports(path)
    assert (taken.shape, taken.dtype) == ((1, 3, 64, 96), "float32")
    assert [(port.name, port.shape, port.dtype) for port in given] == [("labels", (1, 64, 96), "int32")]


def test_conversion_says_nothing(tmp_path, capfd):
    convert(make_graph("lraspp"), tmp_path)
    assert capfd.readouterr() == ("", "")


def test_all_systems_that_have_ml_programs_can_be_chosen():
    import coremltools as ct

    assert list(get_args(System)) == [name for name, kind in ct.target.__members__.items() if kind >= ct.target.iOS15]


def test_a_file_is_not_opened_here_and_a_damaged_one_is_refused(package, tmp_path):
    with pytest.raises(InputError, match="Apple"):
        COREML.code.open_session(package, threads=1)
    for name in ("Manifest.json", "Data/com.apple.CoreML/model.mlmodel", "Data/com.apple.CoreML/weights/weight.bin"):
        copied = tmp_path / f"{name.rpartition('/')[2]}.mlpackage"
        shutil.copytree(package, copied)
        content = (copied / name).read_bytes()
        (copied / name).write_bytes(content[: len(content) // 2])
        with pytest.raises(InputError, match="damaged"):
            COREML.code.list_operators(copied)
    with pytest.raises(InputError, match="damaged"):
        COREML.code.list_operators(tmp_path / "none.mlpackage")
