"""The labels of a detector's data set, looked at as training and its network see them."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from data.findings import Finding, Report
from data.readers import BoxReader
from data.sizes import Size
from data.transforms import MIN_SIDE
from tasks.detection.anchor_fit import Anchors, are_visible, check_recall, describe_recall, find_anchors
from tasks.detection.box_plots import plot_box_sizes
from tasks.detection.box_table import BoxTable, check_repeats, check_sizes, count_boxes, measure_sizes, write_size
from tasks.detection.limits import check_evaluation
from tasks.examination.examined import Examined
from tasks.examination.orphans import check_lone_labels, check_orphans
from tasks.models.description import Description

NO_PIXELS = np.zeros((0, 0, 3), np.uint8)


def read_table(reader: BoxReader) -> BoxTable:
    """Gather the boxes of all images of a reader, without a look at the images."""
    samples = [reader.make_sample(index, NO_PIXELS) for index in range(len(reader))]
    rows = np.repeat(np.arange(len(reader)), [len(sample.boxes) for sample in samples])
    labels = np.concatenate([sample.labels for sample in samples])
    boxes = np.concatenate([sample.boxes for sample in samples])
    crowd = np.concatenate([sample.crowd for sample in samples])
    return BoxTable(reader.image_paths, reader.sizes, rows, labels, boxes, crowd)


def check_use(reader: BoxReader, size: Size, *, report: Report, split: str) -> None:
    """Report boxes that a detector cannot be trained on, or evaluated on: none but crowds, or none that it sees."""
    boxes, _ = reader.boxes_at(size)
    none = "no boxes but crowds and difficult objects"
    if split == "val" and not len(boxes):
        cure = "expected some: the best epoch is chosen by what is found of them"
        report(Finding("error", "nothing to measure", split, none, cure))
    elif split == "train" and not len(boxes):
        report(Finding("error", "nothing to learn", split, none, "expected boxes: a detector learns from them"))
    elif split == "train" and not are_visible(torch.from_numpy(boxes)).any():
        found = f"all {len(boxes)} boxes are under {MIN_SIDE:g} pixel wide or high at {write_size(size)}"
        report(Finding("error", "nothing to learn", split, found, "expected boxes in pixels, or a larger size="))


def examine(
    readers: Mapping[str, BoxReader],
    description: Description,
    *,
    report: Report,
    workers: int,
    advance: Callable[[int], object],
) -> dict[str, Examined]:
    """Count and check the boxes of each split; no image is opened for it.

    Args:
        readers: of the splits, which agree on their classes.
        description: of the detector that is to be trained.
        report: takes the findings.
        workers: threads; none are needed here.
        advance: told how many images were looked at.
    """
    anchors = find_anchors(description)
    first, *_ = readers.values()
    names, examined = first.classes.names, {}
    for role, reader in readers.items():
        check_use(reader, anchors.size, report=report, split=role)
        table = read_table(reader)
        check_repeats(table, reader.classes, report)
        check_sizes(table, anchors.size, report, split=role)
        check_evaluation(description, reader, report=report, split=role)
        presence = np.zeros((len(reader), len(names)), dtype=bool)
        presence[table.rows[~table.crowd], table.labels[~table.crowd]] = True
        values = {
            "boxes": measure_sizes(table, anchors.size),
            "anchor_recall": _measure_recall(anchors, reader, report, split=role),
        }
        examined[role] = Examined(count_boxes(table, reader.classes), presence, values)
        advance(len(reader))
    return examined


def _measure_recall(anchors: Anchors, reader: BoxReader, report: Report, *, split: str) -> dict[str, Any] | None:
    """Measure the recall of the anchors, and report what they miss of the boxes to train on; None without boxes."""
    boxes, labels = (torch.from_numpy(values) for values in reader.boxes_at(anchors.size))
    if not len(boxes):
        return None
    if split == "train":
        recall = check_recall(anchors, boxes, labels, names=reader.classes.names, split=split, report=report)
    else:
        recall = anchors.measure(boxes, labels)
    return describe_recall(recall, reader.classes.names)


def check_files(name: str, readers: Collection[BoxReader], *, blamed: set[Path], report: Report) -> None:
    """Report images that no label names, and label files without an image; see `tasks.examination.orphans`."""
    check_orphans(readers, blamed, report)
    check_lone_labels(name, readers, report)


def plot_labels(readers: Mapping[str, BoxReader], description: Description, out: Path) -> None:
    """Draw boxes.png: the sizes of the boxes of each split beside the anchors."""
    first, *_ = readers.values()
    anchors, sides, labels = find_anchors(description), {}, {}
    for role, reader in readers.items():
        boxes, labels[role] = reader.boxes_at(anchors.size)
        sides[role] = boxes[:, 2:] - boxes[:, :2]
    plot_box_sizes(sides, labels, classes=first.classes, anchors=anchors.sides().numpy(), path=out / "boxes.png")
