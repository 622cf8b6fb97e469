"""A small detector and segmenter, right and with faults planted, each run by torch or written as ONNX."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from data.classes import ClassTable
from data.config import DatasetConfig
from tasks.detection.detector import Detector
from tasks.detection.graph import DetectorGraph
from tasks.formats import onnx
from tasks.formats.conversion import Conversion
from tasks.formats.graph import Graph, give_all
from tasks.formats.ports import Port
from tasks.formats.session import Session
from tasks.formats.settings import GraphSettings
from tasks.models.architecture import Arch
from tasks.models.description import Description
from tasks.models.postprocessing import Postprocessing
from tasks.models.preprocessing import Preprocessing
from tasks.segmentation.graph import SegmenterGraph
from tasks.segmentation.segmenter import Segmenter
from tests.support.peers import show_images
from tests.support.random_weights import randomize

SIZE = (64, 96)
CLASSES = ClassTable.create(["cat", "dog", "cow"], [3, 7, 8])
ENTRY = Preprocessing(SIZE, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4))
DATA = DatasetConfig("coco", "data", "train", "val")
Change = Callable[[Description], Description]
KINDS: dict[str, Any] = {
    "ssdlite": (
        Description(Arch("ssdlite", "small", 3, scores="sigmoid"), CLASSES, ENTRY, Postprocessing(), DATA),
        Detector,
        DetectorGraph,
    ),
    "lraspp": (
        Description(Arch("lraspp", "small", 3, output_stride=16), CLASSES, ENTRY, None, DATA),
        Segmenter,
        SegmenterGraph,
    ),
}


def build(task: str, change: Change | None = None) -> Any:
    """Build a model whose outputs vary; with a change, one of the same weights by another description."""
    description, kind, _ = KINDS[task]
    model = randomize(kind(description))
    if change is None:
        return model
    other = kind(change(description))
    other.load_state_dict(model.state_dict())
    return other.eval()


def draw(task: str, model: Any, **settings: Any) -> Graph:
    """Return the graph of a model, with all that it can give."""
    graph: Graph = KINDS[task][2](model, GraphSettings(size=SIZE, scores=True, **settings))
    return graph


@cache
def right(task: str) -> Graph:
    """Return the graph without a fault."""
    return draw(task, build(task))


def show(count: int = 4) -> np.ndarray:
    """Return images (N, H, W, 3) uint8."""
    return show_images(SIZE, scenes=count - 1).permute(0, 2, 3, 1).numpy()


class TorchSession:
    """A graph that plays the part of a file."""

    def __init__(self, graph: Graph) -> None:
        self.graph = give_all(graph)
        kind = "uint8" if graph.settings.input == "uint8" else "float32"
        self.input = Port("images", tuple(self.graph.example().shape), kind)
        self.outputs = tuple(Port(name, (), "float32") for name in self.graph.outputs)

    @torch.no_grad()
    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
        found = self.graph(torch.from_numpy(images))
        return {name: values.numpy() for name, values in zip(self.graph.outputs, found, strict=True)}


def write_onnx(graph: Graph, path: Path) -> Session:
    """Write a graph with all its stages and open the file."""
    onnx.convert(give_all(graph), path, Conversion())
    return onnx.open_session(path, threads=1)


def change_arch(**fields: Any) -> Change:
    return lambda description: replace(description, arch=replace(description.arch, **fields))


def swap_mean_and_deviation(description: Description) -> Description:
    entry = description.preprocessing
    return replace(description, preprocessing=replace(entry, mean=entry.std, std=entry.mean))


def suppress_at(threshold: float) -> Change:
    return lambda description: replace(description, postprocessing=Postprocessing(iou_threshold=threshold))


@dataclass(frozen=True)
class Fault:
    """A fault: in the description, in the model, or in its graph; and the stage that has it."""

    task: str
    stage: str
    describe: Change | None = None
    model: Callable[[Any], object] = lambda model: None
    graph: Callable[[Any], object] = lambda graph: None

    def plant(self) -> Graph:
        """Return the graph with the fault."""
        model = build(self.task, self.describe)
        self.model(model)
        graph = draw(self.task, model)
        self.graph(graph)
        return graph


def set_eps(part: str) -> Callable[[Any], object]:
    """Return what gives the norms of "backbone" or "head" another epsilon."""

    def change(model: Any) -> None:
        for layer in getattr(model, part).modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.eps = {1e-3: 1e-5, 1e-5: 1e-3}[layer.eps]

    return change


def enter_reversed(graph: Any) -> None:
    """Take the channels in the order of OpenCV."""
    enter = graph.enter
    graph.enter = lambda images: enter(images.flip(3))


def grow_anchors(graph: Any) -> None:
    """Make the anchors a twentieth wider."""
    graph.anchors = graph.head.anchors((SIZE[0], SIZE[1])) * 1.05


def enlarge_unaligned(graph: Any) -> None:
    """Enlarge the logits without aligned corners."""

    def classify(logits: torch.Tensor, padded: torch.Tensor) -> dict[str, torch.Tensor]:
        size = (padded.shape[2], padded.shape[3])
        enlarged = F.interpolate(logits, size, mode="bilinear", align_corners=False)[..., : SIZE[0], : SIZE[1]]
        labels, scores = enlarged.argmax(1).to(torch.uint8), enlarged.softmax(1).amax(1)
        return {"enlarged": enlarged, "labels": labels, "scores": scores}

    graph.classify = classify


FAULTS = {
    "BGR for RGB": Fault("ssdlite", "preprocessing", graph=enter_reversed),
    "mean and deviation swapped": Fault("lraspp", "preprocessing", describe=swap_mean_and_deviation),
    "epsilon of the backbone": Fault("ssdlite", "row_1", model=set_eps("backbone")),
    "epsilon of SSDLite": Fault("ssdlite", "class_logits, level 1", model=set_eps("head")),
    "epsilon of LR-ASPP": Fault("lraspp", "logits", model=set_eps("head")),
    "SAME for symmetric padding": Fault("ssdlite", "row_1", describe=change_arch(padding="same")),
    "anchors of another size": Fault("ssdlite", "decoded", graph=grow_anchors),
    "NMS with another threshold": Fault("ssdlite", "boxes", describe=suppress_at(0.5)),
    "enlarged without aligned corners": Fault("lraspp", "enlarged", graph=enlarge_unaligned),
}
