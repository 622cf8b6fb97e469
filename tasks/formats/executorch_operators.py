"""The operators of an ExecuTorch program, read from its bytes: portable ones, and those in the parts for XNNPACK."""

import json
import math
import re
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import Any

from executorch.backends.xnnpack import serialization
from executorch.exir import schema
from executorch.exir._serialize._flatbuffer import _flatc_decompile
from executorch.exir._serialize._program import deserialize_pte_binary

from tasks.formats.operators import Operator

XNNPACK = "XnnpackBackend"
HEADER_NAME = b"XH00"  # of a part for XNNPACK; behind it the header's length, begin and size of its flatbuffer
CONVOLUTIONS = ("XNNConv2d", "XNNDepthwiseConv2d", "XNNConvTranspose2d")
PRODUCTS = ("XNNFullyConnected", "XNNBatchMatrixMultiply")
KERNEL_TYPES = {"FLOAT": "float32", "HALF": "float16", "BYTE": "uint8", "CHAR": "int8", "INT": "int32", "LONG": "int64"}
TYPES = {
    "xnn_datatype_fp32": "float32",
    "xnn_datatype_fp16": "float16",
    "xnn_datatype_qint8": "int8",
    "xnn_datatype_quint8": "uint8",
    "xnn_datatype_qcint8": "int8",
}


def read_operators(content: bytes) -> list[Operator]:
    """Return the operators of a program's "forward"."""
    program = deserialize_pte_binary(content).program
    plan = next(plan for plan in program.execution_plan if plan.name == "forward")
    found: list[Operator] = []
    for number, instruction in enumerate(plan.chains[0].instructions):
        call = instruction.instr_args
        if isinstance(call, schema.KernelCall):
            found.append(describe_kernel(plan, call, str(number)))
        elif isinstance(call, schema.DelegateCall):
            part = plan.delegates[call.delegate_index]
            if part.id != XNNPACK:
                raise ValueError(f"a part for {part.id}; expected {XNNPACK} only")
            found += read_part(program.backend_delegate_data[part.processed.index].data, str(number))
    return found


def describe_kernel(plan: schema.ExecutionPlan, call: schema.KernelCall, name: str) -> Operator:
    """Return a portable operator; its last argument is what it gives."""
    operator, value = plan.operators[call.op_index], plan.values[call.args[-1]].val
    if isinstance(value, schema.TensorList):
        value = plan.values[value.items[0]].val
    if not isinstance(value, schema.Tensor):
        return Operator(name, operator.name, "", ())
    kind = value.scalar_type.name
    return Operator(name, operator.name, KERNEL_TYPES.get(kind, kind.lower()), tuple(value.sizes))


def read_part(data: bytes, name: str) -> list[Operator]:
    """Return the operators of a part for XNNPACK."""
    graph = decode(data)
    tensors = [read_tensor(value) for value in graph["xvalues"]]
    by_id = {tensor["id_out"]: tensor for tensor in tensors}
    return [describe_node(node, by_id, f"{name}.{number}") for number, node in enumerate(graph["xnodes"])]


def decode(data: bytes) -> dict[str, Any]:
    """Return the graph in a part for XNNPACK, as its schema has it."""
    if data[4:8] == HEADER_NAME:
        begin, size = (int.from_bytes(data[at : at + 4], "little") for at in (10, 14))
        data = data[begin : begin + size]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "part.bin"
        path.write_bytes(data)
        layout = Path(folder) / "schema.fbs"
        layout.write_bytes(files(serialization).joinpath("schema.fbs").read_bytes())
        _flatc_decompile(folder, str(layout), str(path), ["--raw-binary"])
        text = path.with_suffix(".json").read_text()
    return dict(json.loads(re.sub(r":\s*-?inf\b", ": null", text)))  # no bound: JSON has no word for it


def read_tensor(value: dict[str, Any]) -> dict[str, Any]:
    """Return the entry of a tensor; a quantised one holds it one level down."""
    entry: dict[str, Any] = value["xvalue_union"]
    return entry.get("tensor_value", entry)


def describe_node(node: dict[str, Any], tensors: dict[int, dict[str, Any]], name: str) -> Operator:
    """Return an operator of XNNPACK; what has weights computes in their type."""
    kind, entry = node["xnode_union_type"], node["xnode_union"]
    output = tensors[entry["output_id"]] if "output_id" in entry else tensors[entry["output_value_id"]]
    shape = tuple(output.get("dims", ()))
    weighed = tensors[entry["filter_id"]] if "filter_id" in entry else output
    dtype = TYPES.get(weighed["datatype"], weighed["datatype"])
    if "filter_id" in entry and "int" not in TYPES.get(tensors[entry["input1_id"]]["datatype"], ""):
        dtype = TYPES.get(output["datatype"], output["datatype"])
    each = 0
    if kind in CONVOLUTIONS:
        each = entry["kernel_height"] * entry["kernel_width"] * entry["group_input_channels"]
    elif kind in PRODUCTS:
        each = tensors[entry["input1_id"]]["dims"][-1]
    return Operator(name, kind, dtype, shape, each * math.prod(shape[1:]) if each else 0)
