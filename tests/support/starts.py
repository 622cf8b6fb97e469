"""Starting from weights in a test: a file of a network, and what a training run does with it."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torchvision.models.detection import ssdlite320_mobilenet_v3_large
from torchvision.models.segmentation import lraspp_mobilenet_v3_large

from data.classes import ClassTable
from tasks.models.description import Description
from tasks.models.network import Model, build_model
from tasks.models.pretrained.loading import adopt, load_weights, read_weights
from tests.support.runs import describe, load_config

CLASSES = ClassTable.create(["person", "rider", "car"], [24, 25, 26])


def describe_run(*options: str, classes: ClassTable = CLASSES) -> Description:
    """Describe the model of a training command."""
    return describe(load_config("train", *options), classes)


def save(build: Any, path: Path) -> str:
    """Write the tensors of a freshly initialised network."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = build.state_dict()
    save_file(tensors, path) if path.suffix == ".safetensors" else torch.save(tensors, path)
    return str(path)


def start(source: str, description: Description) -> tuple[Description, Model]:
    """Do what a training run does with its weights."""
    torch.manual_seed(1)
    weights = read_weights(source, description.arch)
    adopted = adopt(weights, description)
    model = build_model(adopted.arch)
    load_weights(model, weights, adopted)
    return adopted, model


def build_detector(slots: int = 91) -> torch.nn.Module:
    return ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=slots)


def build_segmenter(classes: int = 21) -> torch.nn.Module:
    return lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=classes)


PLAIN = ("task=ssdlite", "model.halving=none")
