"""Small graphs to convert, images for them, and how far two results are apart."""

import numpy as np
import torch

from data.classes import ClassTable
from tasks.detection.graph import DetectorGraph
from tasks.formats.graph import Graph
from tasks.formats.ports import Port
from tasks.formats.settings import GraphSettings
from tasks.segmentation.graph import SegmenterGraph
from tasks.task import find_task
from tests.support.random_weights import randomize
from tests.support.runs import describe, load_config

CLASSES = ClassTable.create(["cat", "dog", "cow"], [3, 7, 8])
GRAPHS = {"ssdlite": DetectorGraph, "lraspp": SegmenterGraph}


def make_graph(task: str, *, size: tuple[int, int] = (64, 96), **settings) -> Graph:
    """Return the graph of a small detector of 64 x 96 or a segmenter, with random weights: its outputs vary."""
    own = "size=[64,96]" if task == "ssdlite" else "eval_size=null"
    description = describe(load_config("train", f"task={task}", "backbone=small", own), CLASSES)
    model = randomize(find_task(task).parts.build(description))
    return GRAPHS[task](model, GraphSettings(size=size, **settings))


def draw_images(port: Port) -> np.ndarray:
    """Return noise of the shape and type that a file takes."""
    generator = np.random.default_rng(0)
    if port.dtype == "uint8":
        return generator.integers(0, 256, port.shape, dtype=np.uint8)
    return generator.normal(size=port.shape).astype(np.float32)


@torch.no_grad()
def run_eager(graph: Graph, images: np.ndarray) -> dict[str, np.ndarray]:
    """Return what torch computes."""
    return {name: values.numpy() for name, values in zip(graph.outputs, graph(torch.from_numpy(images)), strict=True)}


def largest_difference(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> float:
    """Return the largest difference of any output, in parts of that output's largest value."""
    assert found.keys() == expected.keys()
    pairs = [(found[name].astype(np.float64), expected[name].astype(np.float64)) for name in expected]
    return max(np.abs(a - b).max() / max(np.abs(b).max(), 1e-9) for a, b in pairs)
