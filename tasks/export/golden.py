"""Golden vectors: what each stage of a model gives for real images, as raw files that any language reads."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from tasks.files import write_bytes, write_json
from tasks.formats.graph import Graph
from tasks.formats.settings import INPUT, GraphSettings

FOLDER = "golden"
INDEX = "golden.json"
MOST_BYTES = 16 * 2**20  # of one stage
CANDIDATES = 1000  # pairs of anchor and class that go into suppression, as many as the model itself begins with


def complete(settings: GraphSettings) -> GraphSettings:
    """Return the settings of a graph that has every stage, those too that a file leaves to whoever runs it.

    Whoever runs it chooses boxes out of all pairs of anchor and class, so more candidates go in here than into a file.
    """
    candidates = settings.candidates if settings.nms else max(settings.candidates or 0, CANDIDATES)
    return replace(settings, nms=True, candidates=candidates, argmax="full")


@torch.no_grad()
def write_golden(folder: Path, graph: Graph, images: np.ndarray) -> None:
    """Write what each stage of a graph gives into golden/ of an export's folder.

    Args:
        folder: of the export.
        graph: of the model, of all stages that are wanted; see `complete`.
        images: that it takes.
    """
    stages = {INPUT: images} | {name: values.numpy() for name, values in graph.stages(torch.from_numpy(images)).items()}
    write_tensors(folder / FOLDER, stages)


def write_tensors(folder: Path, tensors: Mapping[str, np.ndarray]) -> None:
    """Write each tensor as a file of little-endian numbers, and golden.json, which says what they are.

    Those of more than 16 MiB are left out, and named there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kept = {name: values for name, values in tensors.items() if values.nbytes <= MOST_BYTES}
    entries = {}
    for name, values in kept.items():
        entries[name] = {"file": f"{name}.bin", "shape": list(values.shape), "dtype": values.dtype.name}
        write_numbers(folder / f"{name}.bin", values)
    left_out = [name for name in tensors if name not in kept]
    write_json(folder / INDEX, {"tensors": entries, "left_out": left_out})


def write_numbers(path: Path, values: np.ndarray) -> None:
    """Write the numbers of a tensor, little-endian, row by row."""
    write_bytes(path, np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes())
