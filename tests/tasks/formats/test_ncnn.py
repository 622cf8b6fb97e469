import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from data.errors import InputError
from tasks.formats.conversion import Conversion
from tasks.formats.graph import give_all
from tasks.formats.table import FORMATS
from tests.support.graphs import GRAPHS, draw_images, largest_difference, make_graph, run_eager

pytestmark = pytest.mark.slow
pytest.importorskip("ncnn")
pytest.importorskip("pnnx")

NCNN = FORMATS["ncnn"]
RAW = {"nms": False, "argmax": "none"}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    path = tmp_path_factory.mktemp("ncnn") / "model.ncnn.param"
    NCNN.code.convert(make_graph("ssdlite", **RAW), path, Conversion())
    return path


def copy_files(files, folder):
    """Copy a pair of files for a test that damages it."""
    for path in NCNN.list_files(files):
        (folder / path.name).write_bytes(path.read_bytes())
    return folder / files.name


def refuse(path):
    """Open files in a process of its own and return why they were refused; it must not die."""
    script = (
        "import sys; from pathlib import Path; from data.errors import InputError; from tasks.formats import ncnn\n"
        "try: ncnn.open_session(Path(sys.argv[1]), threads=1)\n"
        "except InputError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True)
    assert done.returncode == 0, (done.returncode, done.stderr)
    return done.stdout.strip()


@pytest.mark.parametrize("settings", [{}, {"input": "float"}, {"hswish": "parts"}], ids=["bytes", "float", "parts"])
@pytest.mark.parametrize("task", GRAPHS)
def test_every_stage_is_that_of_torch(task, settings, tmp_path):
    graph = give_all(make_graph(task, **(RAW | settings)))
    path = tmp_path / "model.ncnn.param"
    NCNN.code.convert(graph, path, Conversion())
    session = NCNN.code.open_session(path, threads=1)
    images = draw_images(session.input)
    found, expected = session(images), run_eager(graph, images)
    assert {port.name: port.shape for port in session.outputs} == {k: v.shape for k, v in expected.items()}
    assert largest_difference(found, expected) < 1e-5
    assert {path.name for path in tmp_path.iterdir()} == {"model.ncnn.param", "model.ncnn.bin"}


def test_a_map_larger_than_the_pooling_window_is_pooled_as_in_torch(tmp_path):
    graph = make_graph("lraspp", size=(800, 832), **RAW)
    NCNN.code.convert(graph, tmp_path / "model.ncnn.param", Conversion())
    session = NCNN.code.open_session(tmp_path / "model.ncnn.param", threads=1)
    images = draw_images(session.input)
    assert largest_difference(session(images), run_eager(graph, images)) < 1e-5


def test_half_precision_halves_the_weights_and_changes_little(files, tmp_path):
    graph, path = make_graph("ssdlite", **RAW), tmp_path / "model.ncnn.param"
    NCNN.code.convert(graph, path, Conversion(precision="fp16"))
    session = NCNN.code.open_session(path, threads=1)
    images = draw_images(session.input)
    assert 1e-6 < largest_difference(session(images), run_eager(graph, images)) < 0.01
    sizes = [NCNN.list_files(own)[1].stat().st_size for own in (path, files)]
    assert sizes[0] < 0.53 * sizes[1]
    types = {operator.type: operator.dtype for operator in NCNN.code.list_operators(path)}
    assert types["Convolution"] == "float16"


@pytest.mark.parametrize("task", GRAPHS)
def test_multiply_adds_are_those_of_the_networks_convolutions(task, tmp_path):
    graph, counts = make_graph(task, **RAW), []
    for layer in graph.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(lambda own, _, y: counts.append(own.weight[0].numel() * y[0].numel()))
    with torch.no_grad():
        graph(graph.example())
    expected = sum(counts)
    NCNN.code.convert(graph, tmp_path / "model.ncnn.param", Conversion())
    operators = NCNN.code.list_operators(tmp_path / "model.ncnn.param")
    assert sum(operator.madds for operator in operators) == expected > 1e6


def test_conversion_says_nothing(tmp_path, capfd):
    NCNN.code.convert(make_graph("lraspp", **RAW), tmp_path / "model.ncnn.param", Conversion())
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("task", "settings", "named"),
    [
        ("ssdlite", {"nms": True}, "nms=false"),
        ("lraspp", {"argmax": "low"}, "argmax=none"),
    ],
)
def test_what_ncnn_does_not_have_is_refused_by_name(task, settings, named, tmp_path):
    with pytest.raises(InputError, match=named):
        NCNN.code.convert(make_graph(task, **(RAW | settings)), tmp_path / "model.ncnn.param", Conversion())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda text: "", "line 1"),
        (lambda text: "[net]\n" + text, "line 1"),
        (lambda text: text[: len(text) // 2], "line"),
        (lambda text: "\n".join(text.split("\n")[:-9]), "layers"),
        (lambda text: text.replace("Concat ", "MyLayer ", 1), "MyLayer"),
        (lambda text: text.replace("Concat ", "SDPA ", 1), "SDPA"),
        (lambda text: text.replace("0=96 1=64 2=3", "0=96 1=64 2=4"), "3"),
        (lambda text: text.replace("0=96 1=64 2=3", "0=99999 1=99999 2=3"), "sides"),
        (lambda text: text.replace("0=96 1=64 2=3", "0=x 1=64 2=3"), "whole number"),
        (lambda text: text.replace("6=432", "6=433", 1), "numbers of type"),
        (lambda text: text.replace("11=3", "11=0", 1), "ncnn"),
        (lambda text: text.replace("3=2", "3=0", 1), "ncnn"),
        (lambda text: text.replace("pixels", "data"), "pixels"),
    ],
)
def test_a_damaged_or_foreign_param_is_refused(change, named, files, tmp_path):
    path = copy_files(files, tmp_path)
    before = path.read_text()
    path.write_text(change(before))
    assert path.read_text() != before
    said = refuse(path)
    assert said.startswith(str(tmp_path))
    assert named in said


def test_weights_that_are_missing_too_short_or_another_networks_are_refused(files, tmp_path):
    path = copy_files(files, tmp_path)
    weights = NCNN.list_files(path)[1]
    content = weights.read_bytes()
    for wrong in (
        content[:-4],
        content[: len(content) // 3],
        b"",
        content + b"\0\0\0\0",
        content[400:] + content[:400],
    ):
        weights.write_bytes(wrong)
        assert str(weights) in refuse(path)
    weights.unlink()
    assert str(weights) in refuse(path)


def test_the_session_wants_one_image_of_its_size(files):
    session = NCNN.code.open_session(files, threads=1)
    with pytest.raises(ValueError, match="expected"):
        session(np.zeros((2, 64, 96, 3), np.uint8))
