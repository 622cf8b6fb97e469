import numpy as np
import pytest

pytest.importorskip("litert_torch")
pytest.importorskip("ai_edge_quantizer")

from data.errors import InputError
from tasks.formats.conversion import Conversion, Quantization
from tasks.formats.graph import give_all
from tasks.formats.operators import integer_share
from tasks.formats.table import FORMATS
from tests.support.exports import random_images
from tests.support.graphs import make_graph, run_eager

pytestmark = pytest.mark.slow
LITERT = FORMATS["litert"]


@pytest.fixture(scope="module")
def segmenter(tmp_path_factory):
    """Write a segmenter."""
    path = tmp_path_factory.mktemp("litert") / "model.tflite"
    LITERT.convert(make_graph("lraspp"), path, Conversion())
    return path


def write_int8(task, path, *exclude, **settings):
    """Write a small model of integers."""
    images = [image[None] for image in random_images(4)]
    quantization = Quantization(images, frozenset(exclude))
    LITERT.convert(make_graph(task, **settings), path, Conversion("int8", quantization=quantization))
    return LITERT.code.list_operators(path)


@pytest.mark.parametrize(
    ("task", "settings"),
    [
        ("ssdlite", {}),
        ("ssdlite", {"input": "float", "nms": False, "hswish": "parts"}),
        ("lraspp", {"scores": True, "hswish": "parts"}),
        ("lraspp", {"argmax": "low"}),
        ("lraspp", {"input": "float", "argmax": "none"}),
    ],
    ids=str,
)
def test_every_stage_is_torchs(task, settings, tmp_path):
    graph = give_all(make_graph(task, **settings))
    LITERT.convert(graph, tmp_path / "model.tflite", Conversion())
    session = LITERT.code.open_session(tmp_path / "model.tflite", threads=1)
    images = graph.example().numpy()
    found, expected = session(images), run_eager(graph, images)
    assert (session.input.name, session.input.shape) == ("images", images.shape)
    assert list(found) == list(graph.outputs)
    for name, value in expected.items():
        assert np.abs(found[name].astype(np.float64) - value).max() < 1e-5 * np.abs(value).max(), name


def test_nothing_is_transposed(segmenter):
    assert not [item for item in LITERT.code.list_operators(segmenter) if item.type == "TRANSPOSE"]


@pytest.mark.parametrize("task", ["ssdlite", "lraspp"])
def test_every_convolution_of_an_int8_file_computes_in_integers(task, tmp_path):
    operators = write_int8(task, tmp_path / "model.tflite", nms=False)
    assert integer_share([item for item in operators if "CONV" in item.type]) == 1
    assert "float32" not in {item.dtype for item in operators if item.type in ("HARD_SWISH", "MEAN", "PAD")}
    source = LITERT.code.open_session(tmp_path / "model.tflite", threads=1).input
    assert (source.dtype, source.scale, source.zero_point) == ("int8", 1.0, -128)


def test_an_excluded_layer_stays_in_float(tmp_path):
    operators = write_int8("lraspp", tmp_path / "model.tflite", "backbone.blocks.1.expand.conv")
    dtypes = {item.name: item.dtype for item in operators}
    assert dtypes["backbone.blocks.1.expand.conv"] == "float32"
    assert dtypes["backbone.blocks.1.project.conv"] == "int8"


def test_raw_outputs_in_integers_say_what_they_stand_for(tmp_path):
    write_int8("lraspp", tmp_path / "model.tflite", argmax="none")
    session, images = LITERT.code.open_session(tmp_path / "model.tflite", threads=1), random_images(1)
    (port,) = session.outputs
    found = port.read(session(session.input.store(images))["logits"])
    expected = run_eager(make_graph("lraspp", argmax="none"), images)["logits"]
    assert (port.name, port.dtype) == ("logits", "int8")
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.9


def test_half_precision_is_half_the_size(segmenter, tmp_path):
    LITERT.convert(make_graph("lraspp"), tmp_path / "model.tflite", Conversion("fp16"))
    images = random_images(1)
    found = LITERT.code.open_session(tmp_path / "model.tflite", threads=1)(images)["labels"]
    assert (found == run_eager(make_graph("lraspp"), images)["labels"]).mean() > 0.95
    assert (tmp_path / "model.tflite").stat().st_size < 0.6 * segmenter.stat().st_size


def test_multiply_adds_are_those_that_are_counted_on_the_model(segmenter):
    from torch.utils.flop_counter import FlopCounterMode

    graph = make_graph("lraspp")
    with FlopCounterMode(display=False) as counter:
        graph(graph.example())
    assert sum(item.madds for item in LITERT.code.list_operators(segmenter)) == counter.get_total_flops() // 2


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(segmenter, tmp_path, share):
    content = segmenter.read_bytes()
    (tmp_path / "model.tflite").write_bytes(content[: int(share * len(content))])
    for read in (LITERT.code.list_operators, lambda path: LITERT.code.open_session(path, threads=1)):
        with pytest.raises(InputError, match=r"model\.tflite: (not a LiteRT file|a damaged LiteRT file)"):
            read(tmp_path / "model.tflite")


def test_another_kind_of_file_is_refused(tmp_path):
    (tmp_path / "model.tflite").write_bytes(b"PK\x03\x04 a zip file")
    with pytest.raises(InputError, match=r"model\.tflite: not a LiteRT file; expected TFL3"):
        LITERT.code.open_session(tmp_path / "model.tflite", threads=1)
