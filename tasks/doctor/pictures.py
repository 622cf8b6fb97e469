"""All pictures of a data set that the doctor writes."""

from pathlib import Path

from tasks.doctor.sheets import choose_samples, draw_pairs, draw_samples
from tasks.doctor.survey import Survey
from tasks.drawing.images import save_image
from tasks.examination.plots import plot_classes
from tasks.task import Task


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
        save_image(draw_pairs(survey.pairs), out / "duplicates.jpg")
