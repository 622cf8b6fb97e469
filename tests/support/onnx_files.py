"""Small models with random weights as ONNX files of each kind, written once for all tests."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from data.classes import ClassTable
from tasks.detection.graph import DetectorGraph
from tasks.formats.conversion import Conversion
from tasks.formats.graph import Graph
from tasks.formats.onnx import convert
from tasks.formats.settings import GraphSettings
from tasks.segmentation.graph import SegmenterGraph
from tasks.task import find_task
from tests.support.once import make_once
from tests.support.random_weights import randomize, settle
from tests.support.runs import describe, load_config

SIZE = (64, 96)
CLASSES = ClassTable.create(["cat", "dog", "cow"], [3, 7, 8])
KINDS = {  # name -> task, settings, opset
    "boxes": ("ssdlite", GraphSettings(size=SIZE), 18),
    "raw": ("ssdlite", GraphSettings(size=SIZE, batch=None, input="float", hswish="parts", nms=False), 23),
    "labels": ("lraspp", GraphSettings(size=SIZE, scores=True), 18),
    "cells": ("lraspp", GraphSettings(size=SIZE, batch=None, argmax="low", scores=True), 21),
    "logits": ("lraspp", GraphSettings(size=SIZE, input="float", hswish="parts", argmax="none"), 18),
}


class Exported(NamedTuple):
    """A graph and its ONNX file; who changes the file copies it first."""

    graph: Graph
    path: Path


@cache
def build_graph(kind: str) -> Graph:
    """Return a graph of a kind, the same in every process; no test changes it."""
    task, settings, _ = KINDS[kind]
    config = load_config("train", f"task={task}", "backbone=small", f"size=[{SIZE[0]},{SIZE[1]}]")
    model = randomize(find_task(task).parts.build(describe(config, CLASSES)))
    images = torch.randn(32, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    settle(model, lambda: model.head(model.backbone(images)))
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d) and layer.running_var is not None:
            layer.running_var.clamp_(min=0.1)  # or channels that hardly vary would blow up rounding
    return (DetectorGraph if task == "ssdlite" else SegmenterGraph)(model, settings)


def export_once(kind: str, root: Path) -> Exported:
    """Return a graph of a kind and its file in `root`, a folder that all test processes see."""
    path, graph = root / f"{kind}.onnx", build_graph(kind)
    make_once(root / f"{kind}.json", lambda: convert(graph, path, Conversion(opset=KINDS[kind][2])))
    return Exported(graph, path)


def draw_inputs(graph: Graph, count: int = 4) -> list[np.ndarray]:
    """Return inputs of the graph, each of its shape."""
    generator = torch.Generator().manual_seed(1)
    example = graph.example()
    if example.dtype == torch.uint8:
        drawn = [torch.randint(0, 256, example.shape, generator=generator, dtype=torch.uint8) for _ in range(count)]
    else:
        drawn = [torch.randn(example.shape, generator=generator) for _ in range(count)]
    return [values.numpy() for values in drawn]


def differ(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> dict[str, float]:
    """Return the largest difference of each output, over its largest value."""
    return {
        name: float(np.abs(found[name].astype(np.float64) - values).max() / max(np.abs(values).max(), 1e-9))
        for name, values in expected.items()
    }


Exporter = Callable[[str], Exported]
