"""Exported files that compute without end, or whose model.json is not theirs."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.hostile.case import DEEP, NESTED, Case, pipe, text

PREDICT = ("predict", "checkpoint={here}/model.onnx", "source={base}/photo.jpg", "out={here}/out")
BENCHMARK = ("benchmark", "checkpoint={here}/model.onnx", "repeats=1", "warmup_runs=0")


def copied(change: Callable[[Path], object]) -> Callable[[Path, Path], None]:
    """Copy a sound export and change something."""

    def write(here: Path, base: Path) -> None:
        for name in ("model.onnx", "model.json"):
            shutil.copy(base / "onnx" / name, here / name)
        change(here)

    return write


def contract(change: Callable[[dict[str, Any]], object]) -> Callable[[Path, Path], None]:
    def spoil(here: Path) -> None:
        values = json.loads((here / "model.json").read_text())
        change(values)
        text(here / "model.json", json.dumps(values))

    return copied(spoil)


def graph(change: Callable[[onnx.ModelProto], object]) -> Callable[[Path, Path], None]:
    """Change the network, and say so in model.json."""

    def spoil(here: Path) -> None:
        model = onnx.load(here / "model.onnx")
        change(model)
        onnx.save(model, here / "model.onnx")
        values = json.loads((here / "model.json").read_text())
        digest = hashlib.sha256((here / "model.onnx").read_bytes()).hexdigest()
        values["files"]["model.onnx"]["sha256"] = {"model.onnx": digest}
        text(here / "model.json", json.dumps(values))

    return copied(spoil)


def add(model: onnx.ModelProto, *nodes: onnx.NodeProto, **values: Any) -> None:
    """Add nodes before the others, the last of which feeds an output's sum."""
    for name, value in values.items():
        model.graph.initializer.append(numpy_helper.from_array(np.array(value), name))
    for node in reversed(nodes):
        model.graph.node.insert(0, node)


def feed(model: onnx.ModelProto, name: str) -> None:
    """Add a number to the first output."""
    out = model.graph.output[0].name
    for node in model.graph.node:
        node.output[:] = [f"{o}_before" if o == out else o for o in node.output]
        node.input[:] = [f"{i}_before" if i == out else i for i in node.input]
    model.graph.node.append(helper.make_node("Add", [f"{out}_before", name], [out]))


def fill(model: onnx.ModelProto) -> None:
    add(
        model,
        helper.make_node("ConstantOfShape", ["many"], ["filled"]),
        helper.make_node("ReduceMax", ["filled"], ["bomb"], keepdims=0),
        many=[200_000, 200_000],
    )
    feed(model, "bomb")


def expand(model: onnx.ModelProto) -> None:
    add(
        model,
        helper.make_node("Expand", ["zero", "many"], ["filled"]),
        helper.make_node("ReduceMax", ["filled"], ["bomb"], keepdims=0),
        many=[200_000, 200_000],
        zero=np.float32(0),
    )
    feed(model, "bomb")


def turn(model: onnx.ModelProto) -> None:
    boolean, number = TensorProto.BOOL, TensorProto.FLOAT
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["go_on"]), helper.make_node("Identity", ["value"], ["next"])],
        "body",
        [
            helper.make_tensor_value_info("index", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", boolean, []),
            helper.make_tensor_value_info("value", number, []),
        ],
        [helper.make_tensor_value_info("go_on", boolean, []), helper.make_tensor_value_info("next", number, [])],
    )
    loop = helper.make_node("Loop", ["times", "true", "zero"], ["bomb"], body=body)
    add(model, loop, times=np.int64(2**60), true=True, zero=np.float32(0))
    feed(model, "bomb")


def outside(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.ClearField("raw_data")
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "/etc/passwd"


def link(here: Path) -> None:
    (here / "model.json").unlink()
    (here / "model.json").symlink_to("/dev/zero")


CASES = [
    Case("onnx: fills without end", graph(fill), PREDICT),
    Case("onnx: repeats without end", graph(expand), PREDICT),
    Case("onnx: turns without end", graph(turn), PREDICT),
    Case("onnx: weights elsewhere", graph(outside), PREDICT),
    Case("onnx: bytes", copied(lambda here: (here / "model.onnx").write_bytes(b"\x08\xff" * 10**5)), PREDICT),
    Case("onnx: a sparse terabyte", copied(lambda here: (here / "model.onnx").open("r+b").truncate(2**40)), PREDICT),
    Case("onnx: a pipe", copied(lambda here: ((here / "model.onnx").unlink(), pipe(here / "model.onnx"))), PREDICT),
    Case(
        "onnx: another file", contract(lambda v: v["files"]["model.onnx"].update(sha256={"model.onnx": "0"})), PREDICT
    ),
    Case("model.json: deep", copied(lambda here: text(here / "model.json", DEEP)), PREDICT),
    Case("model.json: nested", copied(lambda here: text(here / "model.json", '{"a":' + NESTED + "}")), PREDICT),
    Case("model.json: a device", copied(link), PREDICT),
    Case(
        "model.json: a pipe", copied(lambda here: ((here / "model.json").unlink(), pipe(here / "model.json"))), PREDICT
    ),
    Case(
        "model.json: 60 MB",
        copied(lambda here: text(here / "model.json", lambda: "[" + "{}," * 20_000_000 + "{}]")),
        PREDICT,
    ),
    Case("model.json: files that are a list", contract(lambda v: v.update(files=[])), PREDICT),
    Case(
        "model.json: an input of 10^12 pixels",
        contract(lambda v: v["model"]["preprocessing"].update(size=[10**6] * 2)),
        PREDICT,
    ),
    Case(
        "model.json: a port without end",
        contract(lambda v: v["files"]["model.onnx"]["input"].update(shape=[1, 10**6, 10**6, 3])),
        BENCHMARK,
    ),
    Case(
        "model.json: numbers beyond numbers",
        contract(lambda v: v["files"]["model.onnx"].update(bytes=10**400)),
        BENCHMARK,
    ),
    Case("model.json: a head that is a path", contract(lambda v: v["model"]["arch"].update(head="../x")), PREDICT),
]
