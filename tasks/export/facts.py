"""What model.json tells programs that are not Bneck: what each tensor means, and how the outputs are decoded."""

import platform
from collections.abc import Mapping
from typing import Any

from tasks.formats.settings import GraphSettings
from tasks.formats.table import Format, to_distributions
from tasks.models.architecture import name_network
from tasks.models.description import Description
from tasks.runs.environment import list_packages
from tasks.task import find_task

RESIZES = {
    "area": "the mean over the area of each new pixel where the image shrinks (OpenCV's INTER_AREA), bilinear else",
    "bilinear": "bilinear from the four nearest pixels, without antialiasing (OpenCV's INTER_LINEAR)",
    "antialias": "bilinear with antialiasing (Pillow's BILINEAR)",
}
CONVERTING = ("bneck", "torch", "torchvision")  # whatever the format
READING = ("numpy", "opencv-python-headless", "pillow")  # images, as README.md does


def list_facts(
    description: Description, settings: GraphSettings, *, checkpoint: Mapping[str, str], kind: Format
) -> dict[str, Any]:
    """Return what model.json says beside the files.

    Args:
        description: of the model.
        settings: what is in the files.
        checkpoint: name, SHA-256 and source of the file that was exported.
        kind: format of the files.
    """
    parts = find_task(description.arch.head).parts
    return {
        "task": find_task(description.arch.head).kind,
        "name": name_network(description.arch.head, description.arch.backbone),
        "preprocessing": describe_input(description, settings),
        "outputs": parts.describe_outputs(description, settings),
        "decoding": parts.describe_decoding(description, settings),
        "classes": list_classes(description),
        "checkpoint": dict(checkpoint),
        "versions": {"python": platform.python_version()} | list_versions(kind),
    }


def list_versions(kind: Format) -> dict[str, dict[str, str]]:
    """Return the packages, with their versions, that run the files of a format, and those that only wrote them."""
    run = list_packages((*READING, *to_distributions(kind.runtime)))
    convert = list_packages((*CONVERTING, *to_distributions(kind.packages)))
    return {"run": run, "convert": {name: version for name, version in convert.items() if name not in run}}


def describe_input(description: Description, settings: GraphSettings) -> dict[str, Any]:
    """Return how an image becomes the file's input."""
    entry, whole = description.preprocessing, settings.input == "uint8"
    return {
        "size": list(settings.size),
        "resize": entry.resize,
        "resize_rule": RESIZES[entry.resize],
        "colors": "RGB",
        "layout": "NHWC" if whole else "NCHW",
        "values": "0 to 255, as decoded" if whole else "(value / 255 - mean) / std",
        "mean": list(entry.mean),
        "std": list(entry.std),
        "normalized_by": "the file" if whole else "the caller",
    }


def list_classes(description: Description) -> list[dict[str, Any]]:
    """Return a row for each class, in the order of the indices that the files give."""
    classes, thresholds = description.classes, description.thresholds
    return [
        {
            "index": index,
            "name": classes.names[index],
            "id": classes.ids[index],
            "color": list(classes.colors[index]),
            "threshold": None if thresholds is None else thresholds[index],
        }
        for index in range(len(classes))
    ]
