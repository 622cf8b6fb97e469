"""Small models that find something everywhere, and exports of them, in a second or two."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from data.classes import ClassTable
from tasks.formats.contract import Contract, describe_file
from tasks.formats.conversion import Conversion
from tasks.formats.settings import GraphSettings
from tasks.formats.table import FORMATS
from tasks.inference.loading import assemble
from tasks.models.checkpoint import save_safetensors
from tasks.models.network import build_model
from tasks.task import find_task
from tests.support.random_weights import randomize
from tests.support.runs import describe, load_config

CLASSES = ClassTable.create(["cat", "dog", "cow"], [3, 7, 8])
SIZE = (64, 96)


def describe_small(task: str, *options: str) -> Any:
    """Describe a small model of a task= with images of 64 x 96."""
    options = ("backbone=small", f"size={list(SIZE)}".replace(" ", ""), *options)
    description = describe(load_config("train", f"task={task}", *options), CLASSES)
    return replace(description, preprocessing=replace(description.preprocessing, size=SIZE))


def small_model(task: str, *options: str) -> Any:
    """Return a small model with random weights under which its outputs vary."""
    description = describe_small(task, *options)
    return assemble(description, randomize(build_model(description.arch)).state_dict())


def save_small(task: str, path: Path, *options: str) -> Path:
    """Write such a model as a file."""
    model = small_model(task, *options)
    save_safetensors(path, model.description, model.state_dict())
    return path


def random_images(count: int = 2, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Return images (N, H, W, 3) uint8 with large and small structure."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 200, (count, 4, 6, 3)).repeat(size[0] // 4, 1).repeat(size[1] // 6, 2)
    return (coarse + rng.integers(0, 56, coarse.shape)).astype(np.uint8)


def export_small(model: Any, folder: Path, *, name: str = "onnx", **settings: Any) -> Path:
    """Export a model into a folder, with the model.json that belongs to it."""
    kind, graph_settings = FORMATS[name], GraphSettings(size=SIZE, **settings)
    path = folder / f"model{kind.suffix}"
    folder.mkdir(parents=True, exist_ok=True)
    kind.convert(find_task(model.description.arch.head).parts.build_graph(model, graph_settings), path, Conversion())
    session = kind.code.open_session(path, threads=1)
    file = describe_file(path, kind, precision="fp32", input=session.input, outputs=session.outputs)
    Contract(model.description, graph_settings, {path.name: file}).write(folder)
    return path
