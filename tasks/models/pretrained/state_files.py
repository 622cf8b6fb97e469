"""Files of weights, opened safely: a state dict out of .safetensors or of what torch.save wrote."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from data.bounded.plain_values import check_plain
from data.errors import InputError
from tasks.models.pretrained.bounds import check_real, check_weight_file, parse_description
from tasks.models.seals import check_seal

KEY = "bneck"  # of the description, in files of this project
# Where training checkpoints keep their weights, averaged ones first: timm, torchvision's references, Lightning, others.
ENTRIES = ("state_dict_ema", "model_ema", "state_dict", "model", "model_state_dict")
PREFIXES = ("module.", "model.", "_orig_mod.")  # of every name, where wrappers were saved
COUNTER = "n_averaged"  # of torch.optim.swa_utils.AveragedModel
AUXILIARY = "auxiliary."  # of the head that this project's checkpoints hold for training alone, beside the model


@dataclass(frozen=True)
class StateFile:
    """What a file holds.

    Attributes:
        tensors: by name, without the prefixes of wrappers.
        values: the description that files of this project hold; None elsewhere.
    """

    tensors: dict[str, Tensor]
    values: dict[str, Any] | None


def read_state_file(path: Path) -> StateFile:
    """Read a file of weights.

    Raises:
        InputError: if the file is missing, damaged, holds no state dict or more than plain values and tensors, or
            tensors that no network can take.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a file of weights")
    check_bounds(path)
    check_seal(path)
    file = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)
    check_tensors(path, file.tensors)
    return file


def check_bounds(path: Path) -> None:
    """Check that reading a file of weights takes no more than a model's does, before it is read.

    Raises:
        InputError: if it says that it holds more, or what cannot be.
    """
    try:
        check_weight_file(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: {error}; not read as weights") from error


def load_pickled(path: Path) -> Any:
    """Read what torch.save wrote: plain values and tensors; the one place where such files are opened.

    Raises:
        InputError: if it is damaged, or holds more than that.
    """
    check_bounds(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a file that is no checkpoint can fail anywhere in the unpickler
        raise InputError(
            f"{path}: not a checkpoint, or one that is damaged or holds more than plain values and tensors; "
            "expected a file of an earlier run or of weights"
        ) from error
    try:
        check_plain(content)
    except ValueError as error:
        raise InputError(f"{path}: {error}; expected a file of an earlier run or of weights") from error
    return content


def _read_safetensors(path: Path) -> StateFile:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            values = parse_description(metadata[KEY]) if KEY in metadata else None
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(f"{path}: not a readable safetensors file: {error}") from error
    return StateFile(tensors if values is not None else unwrap(tensors), values)


def _read_pickle(path: Path) -> StateFile:
    content = load_pickled(path)
    if not isinstance(content, dict):
        raise InputError(f"{path}: holds a {type(content).__name__}; expected a state dict")
    entry = next((entry for entry in ENTRIES if isinstance(content.get(entry), dict)), None)
    state = content if entry is None else content[entry]
    tensors = {name: value for name, value in state.items() if isinstance(name, str) and isinstance(value, Tensor)}
    if not tensors:
        raise InputError(f"{path}: holds {describe_keys(content)}; expected tensors by name, or {KEY!r} and state_dict")
    if KEY in content:
        tensors = {name: value for name, value in tensors.items() if not name.startswith(AUXILIARY)}
    values = content.get(KEY)
    if not isinstance(values, dict | None):
        raise InputError(f"{path}: {KEY} is a {type(values).__name__}; expected a description of a model")
    return StateFile(unwrap(tensors), values)


def unwrap(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Remove the prefixes that every name has, and the counter of averaged models."""
    tensors = {name: value for name, value in tensors.items() if name != COUNTER}
    while tensors and (shared := next((p for p in PREFIXES if all(name.startswith(p) for name in tensors)), None)):
        tensors = {name.removeprefix(shared): value for name, value in tensors.items()}
    return tensors


def check_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    """Check that tensors are such as a network can take.

    Raises:
        InputError: naming the first that is not.
    """
    for name, value in tensors.items():
        if value.layout != torch.strided or not (value.is_floating_point() or value.ndim == 0):
            raise InputError(f"{path}: {name} is {value.layout}, {value.dtype}; expected dense floating-point numbers")
    try:
        check_real(tensors)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    for name, value in tensors.items():
        if not value.isfinite().all():
            raise InputError(f"{path}: {name} holds NaN or infinite values; expected finite ones")


def describe_keys(values: dict[Any, Any]) -> str:
    """Return the first few keys of a file for a message."""
    keys = [str(key) for key in values]
    return ", ".join(keys[:5]) + (f" and {len(keys) - 5} more" if len(keys) > 5 else "") if keys else "nothing"
