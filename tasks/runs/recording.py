"""What a run notes at its start, for its report and for comparisons: environment.json, data.json, model.json."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from data.readers import Reader
from data.resizing import find_size
from data.sizes import Size
from tasks.files import write_json
from tasks.models.description import Description
from tasks.models.network import build_model
from tasks.profiling.counting import CONVENTIONS, count_stages
from tasks.runs.environment import record_start
from tasks.segmentation.postprocess import pad_to_grid

DATA = "data.json"
MODEL = "model.json"


def record_run(
    out: Path, description: Description, *, dataset: Mapping[str, Any], readers: Mapping[str, Reader], accelerator: str
) -> None:
    """Write environment.json, data.json and model.json.

    Args:
        out: folder of the run, which exists.
        description: of the model.
        dataset: its configuration: name, root, and the names of the splits.
        readers: of its splits, by "train" and "val".
        accelerator: as configured.
    """
    record_start(out, accelerator=accelerator)
    splits = {part: {"name": name_split(dataset, part), **reader.fingerprint()} for part, reader in readers.items()}
    classes = list(description.classes.names)
    write_json(
        out / DATA, {"name": dataset["name"], "root": str(dataset["root"]), "classes": classes, "splits": splits}
    )
    write_json(out / MODEL, describe_model(description, image=usual_size(readers["val"])))


def name_split(dataset: Mapping[str, Any], part: str) -> str:
    """Return the name of a split; where evaluation takes a share of the training split, which share it is."""
    share = dataset.get("val_share")
    if not share:
        return str(dataset[part])
    return f"{share if part == 'val' else 1 - share:.0%} of {dataset['train']}"


def usual_size(reader: Reader) -> Size:
    """Return the (height, width) in pixels that most images of a split have."""
    sizes, counts = np.unique(reader.pixel_sizes, axis=0, return_counts=True)
    height, width = sizes[counts.argmax()].tolist()
    return height, width


def describe_model(description: Description, *, image: Size) -> dict[str, Any]:
    """Return plain values: the architecture, the classes and what the network costs for an image of this size."""
    with torch.device("meta"):
        model = build_model(description.arch).eval()
    size = find_input(description, model, image)
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


def find_input(description: Description, model: Any, image: Size) -> Size:
    """Return the (height, width) in pixels of what enters the network for an image of this size."""
    size = find_size(image, description.preprocessing.size)
    if not getattr(model.head, "align_corners", False):
        return size
    padded = pad_to_grid(torch.empty(1, 1, *size, device="meta"), stride=description.arch.output_stride)
    return padded.shape[2], padded.shape[3]
