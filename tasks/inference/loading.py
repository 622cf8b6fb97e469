"""The one way from a file, or from a description and weights, to a model in use."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from data.errors import InputError
from data.sizes import Size
from tasks.formats.contract import CONTRACT, open_exported, read_contract
from tasks.formats.table import find_format
from tasks.models.checkpoint import load_checkpoint
from tasks.models.description import Description
from tasks.task import find_task

if TYPE_CHECKING:
    from tasks.parts import Model, Usable


def load_model(path: Path) -> "Model":
    """Load a model with its layers and weights: all that `load` takes but exported files.

    Raises:
        InputError: as `load`, and for an exported file.
    """
    if find_format(path) is not None:
        raise InputError(f"{path}: an exported file; expected a checkpoint: its layers and weights are needed")
    return assemble(*load_checkpoint(path))


def load(path: Path, *, threads: int | None = None, size: Size | None = None) -> "Usable":
    """Load a model.

    Args:
        path: of a `.ckpt` or `.safetensors` file of this project or of torchvision's SSDLite or LR-ASPP; "coco" and
            "voc" are the published weights of these two; or of a file that `tasks.export` wrote.
        threads: of an exported file's runtime; None for as many as it takes.
        size: (height, width) in pixels of its input; None for its own.

    Returns:
        A detector or a segmenter, in evaluation mode, on the CPU.

    Raises:
        InputError: if the file is missing, is no checkpoint of these kinds, or does not hold what it says.
    """
    if find_format(path) is None:
        description, weights = load_checkpoint(path)
        if size is not None:
            description = replace(description, preprocessing=replace(description.preprocessing, size=size))
        return assemble(description, weights)
    if size is not None:
        raise InputError(f"size: {list(size)}; {path} is an exported file, whose size cannot change; leave it out")
    contract, session = open_exported(path, threads=threads)
    parts = find_task(contract.description.arch.head).parts
    try:
        return parts.use_exported(contract.description, contract.graph, session)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error


def load_description(path: Path) -> Description:
    """Read what a model is, without its weights where they stand apart.

    Raises:
        InputError: as `load`.
    """
    if find_format(path) is None:
        return load_checkpoint(path)[0]
    return read_contract(path.parent / CONTRACT).description


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
