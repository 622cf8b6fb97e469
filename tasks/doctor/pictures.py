"""All pictures of a data set that the doctor writes."""

from pathlib import Path
from typing import Any

from data.boxes import BoxDataset
from tasks.detection.examination import plot_boxes
from tasks.doctor.leaks import Pair
from tasks.doctor.sheets import choose_samples, draw_pairs, draw_samples
from tasks.drawing.images import save_image
from tasks.examination.examined import Examined
from tasks.examination.plots import plot_classes


def draw_pictures(
    out: Path, readers: dict[str, Any], config: dict[str, Any], *, examined: dict[str, Examined], pairs: list[Pair]
) -> None:
    """Write samples_ROLE.jpg, classes.png, boxes.png for boxes, and duplicates.jpg where there are any."""
    first, *_ = readers.values()
    for role, reader in readers.items():
        sheet = draw_samples(reader, choose_samples(examined[role].presence))
        if sheet is not None:
            save_image(sheet, out / f"samples_{role}.jpg")
    plot_classes({role: split.counts for role, split in examined.items()}, first.classes, out / "classes.png")
    if isinstance(first, BoxDataset):
        plot_boxes(readers, config, out / "boxes.png")
    if pairs:
        save_image(draw_pairs(pairs), out / "duplicates.jpg")
