"""From a graph to the bytes of an ExecuTorch program: exported by torch, quantised by torchao, lowered to XNNPACK."""

import copy
from collections.abc import Callable

import torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import XNNPACKQuantizer, get_symmetric_quantization_config
from executorch.exir import to_edge_transform_and_lower
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.fx import GraphModule, Node
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
from torchao.quantization.pt2e.quantizer import QuantizationAnnotation
from torchao.quantization.pt2e.quantizer.quantizer import Q_ANNOTATION_KEY

from data.errors import InputError
from tasks.formats.conversion import Conversion, Quantization
from tasks.formats.executorch_names import NAMES
from tasks.formats.graph import Graph
from tasks.formats.settings import NETWORK
from tasks.formats.trained_rounding import fix_scales, is_rounded

DEQUANTIZATIONS = (torch.ops.quantized_decomposed.dequantize_per_tensor.default,)
JOINS = (torch.ops.aten.cat.default,)


def lower(graph: Graph, conversion: Conversion) -> bytes:
    """Return a graph as an ExecuTorch program."""
    if conversion.precision == "fp16":
        graph = halve(graph)
    program = export(graph, graph.example())
    if conversion.precision == "int8":
        whole = fix(graph) if is_rounded(graph) else quantize(program, conversion.quantization)
        split_readers(whole)
        program = export(whole, graph.example())
    lowered = to_edge_transform_and_lower(
        program, partitioner=[XnnpackPartitioner()], constant_methods={NAMES: ",".join(graph.outputs)}
    )
    return bytes(lowered.to_executorch().buffer)


def export(module: nn.Module, example: Tensor) -> ExportedProgram:
    """Return a module as operators."""
    with torch.no_grad():
        return torch.export.export(module, (example,), strict=False)


def halve(graph: Graph) -> Graph:
    """Return a copy whose network computes in float16, between an entry and an end in float32."""
    other = copy.deepcopy(graph)
    for name in NETWORK:
        other.get_submodule(name).half()
    other.get_submodule(NETWORK[0]).register_forward_pre_hook(lambda _, args: (args[0].half(),))
    other.get_submodule(NETWORK[-1]).register_forward_hook(lambda _, __, output: to_float(output))
    return other


def to_float(output: Tensor | tuple[Tensor, ...]) -> Tensor | tuple[Tensor, ...]:
    """Return what a head gives in float32."""
    return output.float() if isinstance(output, Tensor) else type(output)(*(value.float() for value in output))


def fix(graph: Graph) -> GraphModule:
    """Return the operators of a graph whose network learnt to compute in integers."""
    return export(fix_scales(graph, signed=True), graph.example()).module()


def quantize(program: ExportedProgram, quantization: Quantization | None) -> GraphModule:
    """Return the operators of a program whose network computes in integers: weights by channel, the rest by tensor.

    Raises:
        InputError: if nothing shows the range of each tensor.
    """
    if quantization is None or not quantization.calibration:
        raise InputError("precision=int8: no images to calibrate with; expected at least one")
    quantizer = NetworkQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=True))
    quantizer.set_filter_function(choose_nodes(quantization.exclude))
    prepared = prepare_pt2e(program.module(), quantizer)
    with torch.no_grad():
        for images in quantization.calibration:
            prepared(torch.from_numpy(images))
    return convert_pt2e(prepared)


class NetworkQuantizer(XNNPACKQuantizer):
    """XNNPACK's own, which joins nothing in integers.

    ExecuTorch 1.5.1 gives the inputs of every concatenation one scale, and asks no filter: all levels of a detector
    would get that of the widest one, and the corners of its boxes steps of more than a pixel.
    """

    def annotate(self, model: GraphModule) -> GraphModule:
        """Say of each node what is quantised, in place."""
        for node in model.graph.nodes:
            if node.target in JOINS:
                node.meta[Q_ANNOTATION_KEY] = QuantizationAnnotation(_annotated=True)  # as it is: nothing
        return super().annotate(model)


def split_readers(module: GraphModule) -> None:
    """Give each reader of a dequantised tensor a dequantisation of its own, in place.

    ExecuTorch 1.5.1 lets one that is an output of the program, and is resized too, be resized in the wrong layout.
    """
    for node in list(module.graph.nodes):
        if node.target in DEQUANTIZATIONS:
            for reader in list(node.users)[1:]:
                with module.graph.inserting_before(node):
                    own = module.graph.node_copy(node)
                reader.replace_input_with(node, own)
    module.recompile()


def choose_nodes(exclude: frozenset[str]) -> Callable[[Node], bool]:
    """Return whether a node is quantised: it belongs to the network, and to none of these layers."""

    def chosen(node: Node) -> bool:
        if node.op == "get_attr":  # a weight goes with its convolution, and has no owner
            return True
        owners = [name for name, _ in node.meta.get("nn_module_stack", {}).values()]
        network = any(name.split(".")[0] in NETWORK for name in owners)
        return network and exclude.isdisjoint(owners)

    return chosen
