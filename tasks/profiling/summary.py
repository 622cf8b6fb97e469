"""What a network is and costs, as model.json says it."""

from dataclasses import asdict
from typing import Any

import torch

from data.resizing import find_size
from data.sizes import Size
from tasks.models.description import Description
from tasks.models.network import build_model
from tasks.profiling.counting import CONVENTIONS, count_stages
from tasks.task import find_task


def describe_model(description: Description, *, image: Size) -> dict[str, Any]:
    """Return plain values: the architecture, the classes and what the network costs for an image of this size."""
    with torch.device("meta"):
        model = build_model(description.arch).eval()
    size = find_input(description, image)
    convention = CONVENTIONS["products"]
    stages = [stage._asdict() for stage in count_stages(model, size, convention=convention)]
    return {
        "arch": asdict(description.arch),
        "preprocessing": asdict(description.preprocessing),
        "classes": list(description.classes.names),
        "thresholds": description.thresholds and list(description.thresholds),
        "image": list(image),
        "input": list(size),
        "params": sum(stage["params"] for stage in stages),
        "madds": sum(stage["madds"] for stage in stages),
        "convention": {"params": convention.parameters, "madds": convention.madds},
        "stages": stages,
    }


def find_input(description: Description, image: Size) -> Size:
    """Return the (height, width) in pixels of what enters the network for an image of this size."""
    with torch.device("meta"):
        model = find_task(description.arch.head).parts.build(description)
        x = model.prepare(torch.empty(1, 3, *find_size(image, description.preprocessing.size)))
    return x.shape[2], x.shape[3]
