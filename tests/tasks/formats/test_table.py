import pytest

from data.errors import InputError
from tasks.formats.conversion import Conversion, Quantization
from tasks.formats.table import FORMATS
from tests.support.onnx_files import Exporter, draw_inputs


@pytest.mark.parametrize("name", ["backbone.blocks.77", "backbone.st"])
def test_a_layer_that_is_not_there_is_named_by_every_format(name: str, exported: Exporter, tmp_path) -> None:
    graph, _ = exported("labels")
    conversion = Conversion("int8", quantization=Quantization(draw_inputs(graph), frozenset({name})))
    with pytest.raises(InputError, match=f"exclude: no layer '{name}'; expected such as 'backbone.stem.conv'"):
        FORMATS["onnx"].convert(graph, tmp_path / "model.onnx", conversion)
    assert not list(tmp_path.iterdir())
