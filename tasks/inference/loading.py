"""The one way from a file, or from a description and weights, to a model in use."""

from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from data.errors import InputError
from tasks.models.checkpoint import load_checkpoint
from tasks.models.description import Description
from tasks.task import find_task

if TYPE_CHECKING:
    from tasks.task import Model


def load(path: Path) -> "Model":
    """Load a model.

    Args:
        path: of a `.ckpt` or `.safetensors` file of this project or of torchvision's SSDLite or LR-ASPP; "coco" and
            "voc" are the published weights of these two.

    Returns:
        A detector or a segmenter, in evaluation mode, on the CPU.

    Raises:
        InputError: if the file is missing, is no checkpoint of these kinds, or does not hold what it says.
    """
    return assemble(*load_checkpoint(path))


def assemble(description: Description, weights: dict[str, Tensor]) -> "Model":
    """Build a model and give it its weights.

    Raises:
        InputError: if the description is of no model in use, or naming the first weights that are missing, unknown or
            of another shape.
    """
    try:
        model = find_task(description.arch.head).parts.build(description)
    except ValueError as error:
        raise InputError(f"checkpoint: {error}") from error
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise InputError(f"checkpoint: its weights do not fit its architecture: {str(error)[:500]}") from error
    return model.eval()
