"""What a run notes at its start, for its report and for comparisons: environment.json, data.json, model.json."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from data.config import DatasetConfig
from data.readers import Reader
from data.sizes import Size
from data.splits import ROLES
from tasks.files import write_json
from tasks.models.description import Description
from tasks.profiling.summary import describe_model
from tasks.runs.environment import record_start

DATA = "data.json"
MODEL = "model.json"


def record_run(
    out: Path, description: Description, *, dataset: DatasetConfig, readers: Mapping[str, Reader], accelerator: str
) -> None:
    """Write environment.json, data.json and model.json.

    Args:
        out: folder of the run, which exists.
        description: of the model.
        dataset: its configuration.
        readers: of its splits, by "train" and "val".
        accelerator: as configured.
    """
    record_start(out, accelerator=accelerator)
    known = [role for role in ROLES if role in readers]
    splits = {role: {"name": dataset.describe_part(role), **readers[role].fingerprint()} for role in known}
    classes = list(description.classes.names)
    write_json(out / DATA, {"name": dataset.name, "root": dataset.root, "classes": classes, "splits": splits})
    record_model(out, description, reader=readers["val"])


def record_model(out: Path, description: Description, *, reader: Reader) -> None:
    """Write model.json: what the model costs is of images of the size that most of the reader's have."""
    write_json(out / MODEL, describe_model(description, image=usual_size(reader)))


def usual_size(reader: Reader) -> Size:
    """Return the (height, width) in pixels that most images of a split have."""
    sizes, counts = np.unique(reader.pixel_sizes, axis=0, return_counts=True)
    height, width = sizes[counts.argmax()].tolist()
    return height, width
