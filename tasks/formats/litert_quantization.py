"""A LiteRT file of floats turned into one of integers or halves, by ai-edge-quantizer."""

import re

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer.algorithm_manager import AlgorithmName
from ai_edge_quantizer.calibrator import Calibrator
from ai_edge_quantizer.qtyping import TFLOperationName
from ai_edge_quantizer.quantizer import Quantizer
from ai_edge_quantizer.recipe_manager import RecipeManager
from ai_edge_quantizer.utils.qsv_utils import min_max_update

from tasks.formats.conversion import Quantization
from tasks.formats.litert_file import kind_of, name_of, parse
from tasks.formats.settings import NETWORK

# Operators bear the names of what they give: a convolution that of its layer, others the path of modules that they
# are in, "...Detector_head;12". What is around the network stays in float, but the padding of a normalised image.
MODULES = rf"^normalize;|^({'|'.join(NETWORK)})\.|_({'|'.join(NETWORK)})[/;]"
PADDING = r"_whole;\d+;$"
BITS = 8


def quantize(content: bytes, settings: Quantization, *, pixels: bool, whole: bool) -> bytes:
    """Turn a network into one of int8, by the ranges that its tensors take on the calibration images.

    Args:
        content: of the file, whose convolutions bear the names of torch's layers.
        settings: the calibration images and the layers that stay in float.
        pixels: whether the input is pixels, 0 to 255: then its integers are these less 128.
        whole: whether the outputs are those of post-processing; raw ones become int8.
    """
    quantizer = Quantizer(content)
    operations = [(MODULES, TFLOperationName.ALL_SUPPORTED), (PADDING, TFLOperationName.PAD)]
    operations += [(".*", TFLOperationName.INPUT)]
    operations += [] if whole else [(".*", TFLOperationName.OUTPUT)]
    for pattern, operation in operations:
        quantizer.add_static_config(pattern, operation, activation_num_bits=BITS, weight_num_bits=BITS)
    for name in sorted(settings.exclude):
        pattern = rf"^{re.escape(name)}[.;]"
        quantizer.update_quantization_recipe(
            pattern, TFLOperationName.ALL_SUPPORTED, algorithm_key=AlgorithmName.NO_QUANTIZE
        )
    interpreter = Interpreter(model_content=content)
    (signature, ports), *_ = interpreter.get_signature_list().items()
    source = interpreter.get_input_details()[0]["name"]
    images = [{ports["inputs"][0]: image.astype(np.float32)} for image in settings.calibration]
    recipe = RecipeManager()
    recipe.load_quantization_recipe(quantizer.get_quantization_recipe())
    # The quantiser's own calibration smooths over images, which cut 8 % off what a normalised image goes down to.
    calibrator = Calibrator(content, num_threads=1, qsv_update_func=min_max_update)
    calibrator.calibrate({signature: images}, recipe)
    ranges = calibrator.get_model_qsvs()
    for name in list_swish_inputs(content):
        # Below -3 h-swish is 0: integers need not tell those numbers apart.
        ranges[name]["min"] = np.maximum(ranges[name]["min"], -3)
    if pixels:
        low = ranges[source]["min"]
        ranges[source] = {"min": np.zeros_like(low), "max": np.full_like(low, 255)}
    found = quantizer.quantize(ranges, enable_progress_bar=False, enable_progress_report=False)
    return bytes(found.quantized_model)


def list_swish_inputs(content: bytes) -> list[str]:
    """Return the names of the tensors that nothing but h-swish takes."""
    model = parse(content)
    graph = model.subgraphs[0]
    takers: dict[int, set[str]] = {}
    for operator in graph.operators:
        for index in operator.inputs:
            takers.setdefault(int(index), set()).add(kind_of(model, operator))
    return [name_of(graph.tensors[index]) for index, kinds in takers.items() if kinds == {"HARD_SWISH"}]


def halve(content: bytes) -> bytes:
    """Keep weights in float16; they are computed with in float32."""
    quantizer = Quantizer(content)
    quantizer.add_weight_only_config(
        ".*", TFLOperationName.ALL_SUPPORTED, num_bits=16, algorithm_key=AlgorithmName.FLOAT_CASTING
    )
    found = quantizer.quantize(enable_progress_bar=False, enable_progress_report=False)
    return bytes(found.quantized_model)
