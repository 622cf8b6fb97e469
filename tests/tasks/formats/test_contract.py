import json
import shutil

import pytest

from data.errors import InputError
from tasks.formats.contract import CONTRACT, open_exported, read_contract
from tests.support.exports import SIZE, export_small, small_model


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Export a small detector once."""
    return export_small(small_model("ssdlite"), tmp_path_factory.mktemp("export"))


@pytest.fixture
def own(exported, tmp_path):
    """Copy the folder, to be changed."""
    shutil.copytree(exported.parent, tmp_path / "own")
    return tmp_path / "own" / exported.name


def change(path, *keys, value):
    """Change one value of the model.json beside a file."""
    contract = path.parent / CONTRACT
    content = json.loads(contract.read_text())
    inner = content
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    contract.write_text(json.dumps(content))


def test_what_is_written_is_read(exported):
    contract = read_contract(exported.parent / CONTRACT)
    assert contract.graph.size == contract.description.preprocessing.size == SIZE
    assert contract.files["model.onnx"].input.shape == (1, *SIZE, 3)
    assert [port.name for port in contract.files["model.onnx"].outputs] == ["boxes", "scores", "labels"]


def test_one_flipped_bit_is_noticed(own):
    content = bytearray(own.read_bytes())
    content[len(content) // 2] ^= 1
    own.write_bytes(content)
    with pytest.raises(InputError, match=r"model\.onnx: not the file that model\.json beside it was written for"):
        open_exported(own)


def test_a_file_without_its_model_json_is_refused(own):
    (own.parent / CONTRACT).unlink()
    with pytest.raises(InputError, match=r"model\.json: no such file; expected the model\.json that tasks\.export"):
        open_exported(own)


def test_another_models_model_json_is_refused(own, tmp_path):
    other = export_small(small_model("lraspp"), tmp_path / "other")
    shutil.copy(other.parent / CONTRACT, own.parent / CONTRACT)
    with pytest.raises(InputError, match=r"model\.onnx: not the file"):
        open_exported(own)


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (("files", "model.onnx", "input", "shape"), [1, 64, 64, 3], r"model\.json says .*\(1, 64, 64, 3\)"),
        (("files", "model.onnx", "outputs"), [], "3 outputs, 0 in model.json"),
        (
            ("files", "model.onnx", "bytes"),
            "many",
            r"model\.json: files\.model\.onnx\.bytes: 'many'; expected an integer",
        ),
        (
            ("files", "model.onnx", "format"),
            "tflite",
            r"format: .tflite.; expected that of its suffix",
        ),
        (("graph", "input"), "float", r"model\.json: graph: input=float .* but model\.onnx takes"),
        (("files",), {}, r"model\.json: says nothing of model\.onnx; it knows none"),
        (("graph", "argmax"), "best", r"model\.json: graph\.argmax: unknown 'best'; choose from full, low, none"),
        (("graph",), [], r"model\.json: graph: not an object"),
        (("model", "classes", "names"), ["a"], r"model\.json: the description of the model is not readable"),
        (("version",), 99, r"model\.json: version 99; this program reads version 1"),
    ],
    ids=lambda value: ".".join(value) if isinstance(value, tuple) else None,
)
def test_a_model_json_that_does_not_fit_is_refused(own, keys, value, message):
    change(own, *keys, value=value)
    with pytest.raises(InputError, match=message):
        open_exported(own)


@pytest.mark.parametrize("content", ["", "{", "[1]", "[" * 100_000])
def test_a_model_json_that_is_none_is_refused(own, content):
    (own.parent / CONTRACT).write_text(content)
    with pytest.raises(InputError, match=r"model\.json: not "):
        open_exported(own)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"no file .*none\.onnx"):
        open_exported(tmp_path / "none.onnx")
