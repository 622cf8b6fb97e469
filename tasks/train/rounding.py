"""The start of a run with `quantize=int8`: trained weights, their norms folded, into a network that rounds."""

import logging
from dataclasses import replace
from pathlib import Path

from data.errors import InputError
from tasks.models.description import Description
from tasks.models.network import Model
from tasks.models.pretrained.identification import Weights
from tasks.models.pretrained.loading import load_weights
from tasks.models.pretrained.state_files import read_state_file
from tasks.models.quantization import quantize
from tasks.task import find_task
from tasks.train.config import TrainConfig

logger = logging.getLogger(__name__)


def choose_rounding(config: TrainConfig, weights: Weights, description: Description) -> tuple[Weights, Description]:
    """Return weights and description of the network that rounds, where the run asks for it; else as they are.

    Args:
        config: of the run, with `weights`.
        weights: which `tasks.models.pretrained.loading.adopt` has checked.
        description: that it returned.

    Raises:
        InputError: if the weights are not a whole model of this project, or round already and the run does not.
    """
    if config.quantize is None:
        if weights.arch.quantized:
            raise InputError(
                f"weights={weights.source}: trained with quantize=int8; expected quantize=int8 here too, or a "
                "checkpoint in float"
            )
        return weights, description
    path = Path(weights.source)
    if not path.is_file() or read_state_file(path).values is None or weights.head != description.arch.head:
        raise InputError(
            f"weights={weights.source}: quantize={config.quantize} goes on from a trained {description.arch.head} of "
            "this project; expected RUN/model.safetensors"
        )
    rounding = replace(description, arch=replace(description.arch, quantized=True))
    if weights.arch.quantized:
        return weights, rounding
    model = find_task(description.arch.head).parts.build(description)
    load_weights(model, weights, description)
    quantize(Model(model.backbone, model.head))
    logger.info("quantize=%s: norms are folded; weights and activations are rounded from here on", config.quantize)
    return (
        replace(weights, arch=rounding.arch, tensors=model.state_dict(), classes=description.classes),
        rounding,
    )
