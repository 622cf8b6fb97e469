"""What a checkpoint says of its model, and how it is written and read: plain values and tensors, nothing that runs.

A training checkpoint (`.ckpt`, Lightning's container) holds the description under "bneck", averaged weights under
"state_dict" and the raw ones under "current_model_state"; those of an auxiliary head, in both, only resuming reads.
`model.safetensors` holds the same description as JSON in its metadata, and the averaged weights. torchvision's
detector and segmenter are read too: "coco", "voc" or a file.
"""

import json
import os
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from data.errors import InputError
from tasks.files import write_checked
from tasks.models.description import Description, read_description
from tasks.models.pretrained.identification import read_state
from tasks.models.pretrained.layouts import LAYOUTS, recognize
from tasks.models.pretrained.published import GUESSES, WHOLE, describe_whole, fetch, with_classes
from tasks.models.pretrained.state_files import KEY, load_pickled, read_state_file
from tasks.models.seals import pack_checkpoint, pack_safetensors


def load_checkpoint(path: Path) -> tuple[Description, dict[str, Tensor]]:
    """Read a `.ckpt` or `.safetensors` file of this project, or torchvision's SSDLite or LR-ASPP.

    Args:
        path: of the file; "coco" and "voc" are torchvision's published weights.

    Returns:
        The description, and the (averaged) weights by name, for `tasks.inference.loading.assemble`.

    Raises:
        InputError: if the file is missing, is no checkpoint of these kinds, or holds more than plain values.
    """
    if str(path) in WHOLE:
        weights = fetch(str(path), GUESSES["ssdlite"])
        return describe_whole(weights), weights.tensors
    if not path.is_file():
        raise InputError(f"checkpoint: no file {path}; expected a file of an earlier run, or one of {', '.join(WHOLE)}")
    file = read_state_file(path)
    if file.values is None:
        return _read_whole(path, file.tensors)
    return read_description(path, file.values), file.tensors


def _read_whole(path: Path, state: dict[str, Tensor]) -> tuple[Description, dict[str, Tensor]]:
    heads = {name: layout.head for name, layout in LAYOUTS.items() if layout.head in GUESSES}
    try:
        head = heads.get(recognize(state, str(path)))
    except InputError as error:
        raise InputError(f"{error} (it holds no description under {KEY!r})") from error
    if head is None:
        raise InputError(f"{path}: weights of a classifier; for training: weights={path}")
    weights = with_classes(read_state(str(path), state, arch=GUESSES[head]), path=path)
    return describe_whole(weights), weights.tensors


def save_safetensors(path: Path, description: Description, weights: dict[str, Tensor]) -> None:
    """Write description and weights as one file, complete or not at all."""
    tensors = {name: value.contiguous() for name, value in weights.items()}
    write_checked(path, pack_safetensors(tensors, {KEY: json.dumps(description.to_dict())}))


def check_rewritable(path: Path) -> None:
    """Check that a checkpoint holds a description that can be changed in its file.

    Raises:
        InputError: if it is somebody else's, or its folder cannot be written.
    """
    if not path.is_file() or read_state_file(path).values is None:
        raise InputError(
            f"store_thresholds: {path} is not a file of this project; expected a .ckpt or model.safetensors"
        )
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"store_thresholds: {path.parent} cannot be written")


def store_thresholds(path: Path, thresholds: tuple[float, ...]) -> None:
    """Write the thresholds of the classes into a checkpoint; all else in it stays as it is, bit by bit.

    Args:
        path: of a file that `check_rewritable` accepts; it is replaced whole or not at all.
        thresholds: one a class.
    """
    description, weights = load_checkpoint(path)
    description = replace(description, thresholds=thresholds)
    if path.suffix == ".safetensors":
        save_safetensors(path, description, weights)
    else:
        content = load_pickled(path)
        content[KEY] = description.to_dict()
        write_checked(path, pack_checkpoint(content))
