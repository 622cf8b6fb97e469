"""Tiny models that find something in a drawn picture, and that picture as a file."""

from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from data.classes import ClassTable
from data.synthetic.scene import draw_scene
from tasks.models.checkpoint import save_safetensors
from tasks.models.network import build_model
from tests.support.random_weights import randomize
from tests.support.runs import describe, small_run

CLASSES = ClassTable.create(("cat", "dog", "owl"), (1, 2, 3))
THRESHOLDS = (0.69, 0.755, 0.68)  # of each class the random detector finds a few boxes above


def save_model(task: str, path: Path, **changes: Any) -> Path:
    """Write a model of random weights, under which it finds dozens of boxes, or all three classes of pixels."""
    description = replace(describe(small_run(task, path.parent / "run"), CLASSES), **changes)
    save_safetensors(path, description, randomize(build_model(description.arch)).state_dict())
    return path


def draw_image(number: int = 1) -> np.ndarray:
    """Return a street scene, (96, 144, 3) uint8."""
    return draw_scene(0, "val", number=number, size=(96, 144)).image


def encode(image: np.ndarray, kind: str = "PNG", **options: Any) -> bytes:
    file = BytesIO()
    Image.fromarray(image).save(file, kind, **options)
    return file.getvalue()
