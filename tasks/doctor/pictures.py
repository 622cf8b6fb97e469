"""All pictures of a data set that the doctor writes."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from data.images import load_image
from tasks.doctor.sheets import choose_samples, draw_pairs, draw_samples
from tasks.doctor.survey import Survey
from tasks.drawing.images import save_image
from tasks.examination.plots import plot_classes
from tasks.task import Task

if TYPE_CHECKING:
    from tasks.parts import Reader


def draw_pictures(out: Path, survey: Survey, task: Task) -> None:
    """Write samples_ROLE.jpg, classes.png, the task's plots of its labels, and duplicates.jpg if there are any."""
    readers, description = survey.readers, survey.description
    if description is None:
        return
    for role, reader in readers.items():
        sheet = draw_samples(reader, choose_samples(survey.examined[role].presence), task)
        if sheet is not None:
            save_image(sheet, out / f"samples_{role}.jpg")
    counts = {role: split.counts for role, split in survey.examined.items()}
    plot_classes(counts, description.classes, out / "classes.png")
    task.parts.plot_labels(readers, description, out)
    if survey.pairs:
        save_image(draw_pairs(survey.pairs, partial(read_image, readers)), out / "duplicates.jpg")


def read_image(readers: "Mapping[str, Reader]", split: str, path: str) -> np.ndarray:
    """Read the image of a path, (H, W, 3) uint8."""
    files = readers[split].files
    return load_image(files.open(files.paths.tolist().index(path)))
