"""Teachers in a test: files of networks of random weights, and the options of a run that name them."""

from pathlib import Path

import timm
import torch

from data.classes import ClassTable
from tasks.models.checkpoint import save_safetensors
from tasks.models.network import build_model
from tests.support.random_weights import randomize
from tests.support.runs import describe, small_run
from tests.support.starts import CLASSES, save

SIZE = (64, 96)
TINY = "mobilenetv3_small_050"


def save_checkpoint(folder: Path, task: str, *options: str, classes: ClassTable = CLASSES) -> str:
    """Write a network of random weights as a checkpoint of this project."""
    path = folder / "teacher.safetensors"
    description = describe(small_run(task, folder, *options), classes)
    save_safetensors(path, description, randomize(build_model(description.arch)).state_dict())
    return str(path)


def save_features(folder: Path) -> tuple[str, str]:
    """Write a network of timm and return the options of a run that it teaches."""
    torch.manual_seed(0)
    source = save(randomize(timm.create_model(TINY)), folder / "tiny.pth")
    return f"distill.teacher=timm:{TINY}", f"distill.weights={source}"
