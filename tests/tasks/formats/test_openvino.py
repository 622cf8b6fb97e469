import shutil

import numpy as np
import pytest

pytest.importorskip("openvino")
pytest.importorskip("nncf")

from data.errors import InputError
from tasks.formats.conversion import Conversion, Quantization
from tasks.formats.graph import give_all
from tasks.formats.operators import integer_share
from tasks.formats.table import FORMATS
from tests.support.exports import random_images
from tests.support.graphs import make_graph, run_eager

pytestmark = pytest.mark.slow
OPENVINO = FORMATS["openvino"]


def relative(found, expected):
    """Return the largest difference as a share of the largest value."""
    found, expected = found.astype(np.float64), expected.astype(np.float64)
    return np.abs(found - expected).max() / np.abs(expected).max()


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    """Write a detector."""
    path = tmp_path_factory.mktemp("openvino") / "model.xml"
    OPENVINO.convert(make_graph("ssdlite"), path, Conversion())
    return path


def write_int8(task, path, *exclude):
    """Write a small model of integers."""
    images = [image[None] for image in random_images(4)]
    OPENVINO.convert(make_graph(task), path, Conversion("int8", quantization=Quantization(images, frozenset(exclude))))
    return OPENVINO.code.list_operators(path)


@pytest.mark.parametrize(
    ("task", "settings"),
    [
        ("ssdlite", {}),
        ("ssdlite", {"batch": None, "hswish": "parts"}),
        ("ssdlite", {"input": "float", "nms": False}),
        ("lraspp", {"scores": True}),
        ("lraspp", {"batch": None, "argmax": "low"}),
        ("lraspp", {"input": "float", "argmax": "none"}),
    ],
    ids=str,
)
def test_every_stage_is_torchs(task, settings, tmp_path):
    graph = give_all(make_graph(task, **settings))
    OPENVINO.convert(graph, tmp_path / "model.xml", Conversion())
    session = OPENVINO.code.open_session(tmp_path / "model.xml", threads=1)
    images = graph.example().numpy()
    found, expected = session(images), run_eager(graph, images)
    assert session.input.name == "images"
    assert session.input.fits(images.shape)
    assert list(found) == list(graph.outputs)
    assert max(relative(found[name], value) for name, value in expected.items()) < 1e-5


def test_half_precision_keeps_boxes_near(detector, tmp_path):
    OPENVINO.convert(make_graph("ssdlite", nms=False), tmp_path / "model.xml", Conversion("fp16"))
    images = random_images(1)
    found = OPENVINO.code.open_session(tmp_path / "model.xml", threads=1)(images)
    assert relative(found["deltas"], run_eager(make_graph("ssdlite", nms=False), images)["deltas"]) < 0.05
    assert (tmp_path / "model.bin").stat().st_size < 0.6 * detector.with_suffix(".bin").stat().st_size


@pytest.mark.parametrize("task", ["ssdlite", "lraspp"])
def test_convolutions_of_an_int8_file_run_in_integers(task, tmp_path):
    operators = write_int8(task, tmp_path / "model.xml")
    convolutions = [operator for operator in operators if "Convolution" in operator.type]
    assert integer_share(convolutions) > 0.95  # all but those of squeeze-and-excite
    assert all(operator.dtype == "int8" for operator in convolutions if ".se." not in operator.name)


def test_an_excluded_layer_stays_in_float(tmp_path):
    layer = "backbone.blocks.1.expand.conv"
    dtypes = {operator.name: operator.dtype for operator in write_int8("ssdlite", tmp_path / "model.xml", layer)}
    assert dtypes[f"__module.{layer}/aten::_convolution/Convolution"] == "float32"
    assert dtypes["__module.backbone.blocks.1.project.conv/aten::_convolution/Convolution"] == "int8"


def test_multiply_adds_are_those_that_are_counted_on_the_model(detector):
    from torch.utils.flop_counter import FlopCounterMode

    graph = make_graph("ssdlite", nms=False)
    with FlopCounterMode(display=False) as counter:
        graph(graph.example())
    convolutions = [item for item in OPENVINO.code.list_operators(detector) if "Convolution" in item.type]
    assert sum(item.madds for item in convolutions) == counter.get_total_flops() // 2


def test_missing_weights_are_named(detector, tmp_path):
    shutil.copy(detector, tmp_path)
    with pytest.raises(InputError, match=r"model\.bin: missing; model\.xml keeps its weights there"):
        OPENVINO.code.open_session(tmp_path / "model.xml", threads=1)


@pytest.mark.parametrize("cut", [".xml", ".bin"])
def test_a_truncated_file_is_refused(detector, tmp_path, cut):
    for suffix in (".xml", ".bin"):
        content = detector.with_suffix(suffix).read_bytes()
        (tmp_path / f"model{suffix}").write_bytes(content[: len(content) // 2] if suffix == cut else content)
    for read in (OPENVINO.code.list_operators, lambda path: OPENVINO.code.open_session(path, threads=1)):
        with pytest.raises(InputError, match=r"model\.xml: not an OpenVINO file, or damaged"):
            read(tmp_path / "model.xml")


def test_another_kind_of_file_is_refused(detector, tmp_path):
    (tmp_path / "model.xml").write_text("<annotation><filename>a.jpg</filename></annotation>")
    shutil.copy(detector.with_suffix(".bin"), tmp_path)
    with pytest.raises(InputError, match="not an OpenVINO file; expected <net>"):
        OPENVINO.code.open_session(tmp_path / "model.xml", threads=1)


def test_a_description_that_is_nested_without_end_is_refused_before_openvino_reads_it(tmp_path):
    path = tmp_path / "model.xml"
    path.write_text('<?xml version="1.0"?>\n<net name="a">' + "<a>" * 100_000 + "</a>" * 100_000 + "</net>")
    with pytest.raises(InputError, match=r"model\.xml: not an OpenVINO file, or damaged: nested more than 100 levels"):
        OPENVINO.code.check_header(path)
