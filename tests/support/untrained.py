"""Checkpoints of small networks that never learnt, which find something everywhere; made in a second."""

from pathlib import Path

import torch

from data.classes import ClassTable
from tasks.models.checkpoint import save_safetensors
from tasks.models.network import build_model
from tests.support.runs import describe, load_config

CLASSES = ClassTable.create(["cat", "dog", "cow"], [3, 7, 8])


def write_untrained(task: str, folder: Path, classes: ClassTable = CLASSES) -> Path:
    """Write FOLDER/TASK.safetensors, at 64 x 64 pixels, of a segmenter at any size, and return its path."""
    size = "eval_size=null" if task == "lraspp" else "size=64"
    description = describe(load_config("train", f"task={task}", "backbone=small", size), classes)
    torch.manual_seed(0)
    model = build_model(description.arch)
    for tensor in model.parameters():
        if tensor.ndim == 1:
            torch.nn.init.normal_(tensor, std=0.5)
    path = folder / f"{task}.safetensors"
    save_safetensors(path, description, model.state_dict())
    return path
