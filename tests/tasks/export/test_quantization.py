from pathlib import Path

import pytest

from data.errors import InputError
from tasks.export.quantization import Bounds, Trial, list_counts, search
from tasks.export.sensitivity import Layer
from tasks.formats.operators import Operator, find_types, integer_share

LAYERS = [Layer(f"layer {rank}", 100_000, 10.0 + rank) for rank in range(10)]


class Files:
    """Files whose metric is .5, less .01 for each of the first three layers in integers."""

    def __init__(self, *, dtype="int8"):
        self.tried, self.dtype = [], dtype

    def convert(self, exclude):
        self.tried.append(exclude)

    def score(self):
        return 0.5 - 0.01 * sum(f"layer {rank}" not in self.tried[-1] for rank in range(3))

    def list_operators(self):
        floats = len(self.tried[-1])
        return [
            *[Operator("", "Conv", self.dtype, (), 100_000)] * (10 - floats),
            *[Operator("", "Conv", "float32", (), 100_000)] * floats,
            Operator("", "Add", "float32", ()),
        ]

    def search(self, *, time=None, **bounds):
        trial = Trial(self.convert, self.score, time, self.list_operators)
        bounds = Bounds(**{"drop": 1.0, "latency": None, **bounds})
        return search(trial, LAYERS, metric="mAP", before=0.5, bounds=bounds, path=Path("model.onnx"), most=5)


def test_layers_are_left_in_float_until_the_metric_holds():
    files = Files()
    found = files.search().to_dict()
    assert [sorted(exclude) for exclude in files.tried] == [[], ["layer 0"], ["layer 0", "layer 1"]]
    assert found["metric"] == pytest.approx({"name": "mAP", "before": 0.5, "after": 0.49, "drop_points": 1.0})
    assert found["integer_share_of_multiply_adds"] == pytest.approx(0.8)
    assert [layer["computes_in"] for layer in found["layers"]] == ["float32"] * 2 + ["int8"] * 8


def test_what_cannot_be_met_fails_with_the_table():
    with pytest.raises(InputError, match=r"max_drop=0\.001 .*cannot be met; tried:\nlayers in float +mAP") as caught:
        Files().search(drop=0.001, time=lambda: 9.0, latency=5.0)
    assert str(caught.value).count("\n") == 5  # the head of the table, 0, 1, 2 and 4 layers


def test_a_slow_file_is_not_taken():
    times = iter([9.0, 4.0, 4.0])
    assert len(Files().search(drop=None, time=lambda: next(times), latency=5.0).attempts) == 2


def test_a_file_that_claims_integers_and_computes_in_float_fails():
    with pytest.raises(InputError, match=r"0\.0 million multiply-adds are in integers, 1\.0 million expected"):
        Files(dtype="float32").search()


def test_attempts_double_up_to_the_most_layers():
    assert list_counts(30) == [0, 1, 2, 4, 8, 16]
    assert list_counts(1) == [0, 1]
    assert list_counts(0) == [0]


def test_the_share_counts_multiply_adds():
    operators = [Operator("", "Conv", "int8", (), 30), Operator("", "Conv", "float32", (), 10)]
    assert integer_share(operators) == 0.75
    assert integer_share([]) == 0


def test_a_layer_computes_in_what_its_own_operator_says():
    operators = [
        Operator("backbone.stem.conv/Conv", "Conv", "float32", (), 30),
        Operator("__module.head.0/aten::_convolution/Convolution", "Convolution", "int8", (), 30),
        Operator("head.1", "CONV_2D", "float32", (), 30),
    ]
    layers = {"backbone.stem.conv": 30, "head.0": 30, "head.1": 30}
    assert find_types(layers, operators, floats=[]) == {
        "backbone.stem.conv": "float32",
        "head.0": "int8",
        "head.1": "float32",
    }


def test_operators_without_names_are_told_by_their_multiply_adds():
    operators = [
        Operator(f"3.{n}", "XNNConv2d", *rest) for n, rest in enumerate([("int8", (), 30), ("float32", (), 30)])
    ]
    layers = {"a": 30, "b": 30}
    assert find_types(layers, operators, floats=["a"]) == {"a": "float32", "b": "int8"}
    assert find_types(layers, operators, floats=[]) == {"a": "", "b": ""}  # one is in float that should not be
    assert find_types({"a": 30}, operators[:1], floats=["a"]) == {"a": "int8"}
    assert find_types({"a": 40}, operators, floats=[]) == {"a": ""}
