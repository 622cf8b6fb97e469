"""An ONNX file of a stranger computes no more than a network does, as far as it says so itself."""

from pathlib import Path

import pytest

from data.errors import InputError
from tasks.formats.onnx import open_session
from tests.hostile import exports
from tests.support.exports import export_small, small_model


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a sound export."""
    folder = tmp_path_factory.mktemp("base")
    export_small(small_model("ssdlite"), folder / "onnx", nms=False)
    return folder


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (exports.fill, r"'filled' has the shape \(200000, 200000\); expected at most"),
        (exports.expand, r"'filled' has the shape \(200000, 200000\); expected at most"),
        (exports.turn, "has Loop; expected the operators that tasks.export writes"),
        (exports.outside, "are in another file|external TensorProto"),
    ],
)
def test_what_computes_without_end_is_refused_before_it_runs(change, message, base: Path, tmp_path: Path) -> None:
    exports.graph(change)(tmp_path, base)
    with pytest.raises(InputError, match=message):
        open_session(tmp_path / "model.onnx", threads=1)
