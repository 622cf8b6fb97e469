"""What a checkpoint says of its model, and how it is written and read: plain values and tensors, nothing that runs.

A training checkpoint (`.ckpt`, Lightning's container) holds the description under "bneck", averaged weights under
"state_dict" and the raw ones under "current_model_state". `model.safetensors` holds the same description as JSON
in its metadata, and the averaged weights.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from data.errors import InputError
from tasks.description import Description
from tasks.model import Model, build_model

KEY = "bneck"
PREFIX = "model."  # of the weights in a LightningModule


def load_checkpoint(path: Path) -> tuple[Description, dict[str, Tensor]]:
    """Read a `.ckpt` or `.safetensors` file of this project.

    Returns:
        The description, and the (averaged) weights by name, for `load_model`.

    Raises:
        InputError: if the file is missing, is no checkpoint of this project, or holds more than plain values.
    """
    if not path.is_file():
        raise InputError(f"checkpoint: no file {path}; expected a .ckpt or .safetensors file of an earlier run")
    values, weights = _read_safetensors(path) if path.suffix == ".safetensors" else _read_ckpt(path)
    try:
        return Description.from_dict(values), weights
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: the description of the model is not readable: {error}") from error


def _read_safetensors(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if KEY not in metadata:
                raise InputError(f"{path}: no {KEY!r} in its metadata; expected a model.safetensors of this project")
            return json.loads(metadata[KEY]), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, json.JSONDecodeError) as error:
        raise InputError(f"{path}: not a readable safetensors file: {error}") from error


def _read_ckpt(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a file that is no checkpoint can fail anywhere in the unpickler
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: not a readable checkpoint of plain values and tensors: {reason}") from error
    if not isinstance(content, dict) or KEY not in content or not isinstance(content.get("state_dict"), dict):
        raise InputError(f"{path}: no {KEY!r} entry; expected a checkpoint that tasks.train wrote")
    state = content["state_dict"]
    return content[KEY], {name.removeprefix(PREFIX): value for name, value in state.items() if name.startswith(PREFIX)}


def load_model(description: Description, weights: dict[str, Tensor]) -> Model:
    """Build the model and load its weights.

    Raises:
        InputError: naming the first weights that are missing, unknown or of another shape.
    """
    model = build_model(description.arch)
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise InputError(f"checkpoint: its weights do not fit its architecture: {str(error)[:500]}") from error
    return model.eval()


def save_safetensors(path: Path, description: Description, weights: dict[str, Tensor]) -> None:
    """Write description and weights as one file, complete or not at all."""
    part = path.with_suffix(".part")
    tensors = {name: value.contiguous() for name, value in weights.items()}
    save_file(tensors, part, metadata={KEY: json.dumps(description.to_dict()), "format": "pt"})
    part.replace(path)
