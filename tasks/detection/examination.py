"""The labels of a detector's data set, looked at as training and its network see them."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from data.boxes import BoxDataset
from data.findings import Finding, Report
from tasks.cli.options import parse
from tasks.detection.anchor_reach import Anchors, check_reach, describe_reach, find_anchors
from tasks.detection.box_table import BoxTable, check_repeats, check_sizes, count_boxes, measure_sizes
from tasks.detection.limits import check_limits
from tasks.detection.postprocess import Postprocessing
from tasks.examination.examined import Examined
from tasks.examination.plots import plot_box_sizes
from tasks.loaders import FOLLOW_DATA, describe

NO_PIXELS = np.zeros((0, 0, 3), np.uint8)


def read_table(reader: BoxDataset) -> BoxTable:
    """Gather the boxes of all images of a reader, without a look at the images."""
    samples = [reader.make_sample(index, NO_PIXELS) for index in range(len(reader))]
    rows = np.repeat(np.arange(len(reader)), [len(sample.boxes) for sample in samples])
    labels = np.concatenate([sample.labels for sample in samples])
    boxes = np.concatenate([sample.boxes for sample in samples])
    crowd = np.concatenate([sample.crowd for sample in samples])
    return BoxTable(reader.image_paths, reader.sizes, rows, labels, boxes, crowd)


def choose_anchors(config: dict[str, Any], reader: BoxDataset) -> Anchors:
    """Return the anchors that a run of this configuration would have on this training data."""
    anchors = find_anchors(describe(config, reader.classes))
    boxes, labels = (torch.from_numpy(values) for values in reader.boxes_at(anchors.size))
    if config["model"].get("shapes") != FOLLOW_DATA or not len(boxes):
        return anchors
    return anchors.follow(boxes, labels)


def check_teaching(reader: BoxDataset, report: Report) -> None:
    """Report training data that a detector cannot learn from: none but crowds."""
    boxes, _ = reader.boxes_at((1, 1))
    if not len(boxes):
        found = "no boxes but crowds and difficult objects"
        report(Finding("error", "nothing to learn", "train", found, "expected boxes: a detector learns from them"))


def examine_boxes(readers: dict[str, BoxDataset], config: dict[str, Any], report: Report) -> dict[str, Examined]:
    """Count and check the boxes of each split.

    Args:
        readers: of the splits, which agree on their classes.
        config: as for training.
        report: takes the findings.
    """
    first, *_ = readers.values()
    anchors, names, examined = choose_anchors(config, first), first.classes.names, {}
    settings = parse(Postprocessing, config["postprocessing"], "postprocessing")
    if "train" in readers:
        check_teaching(readers["train"], report)
    for role, reader in readers.items():
        table = read_table(reader)
        check_repeats(table, reader.classes, report)
        check_sizes(table, anchors.size, report, split=role)
        check_limits(reader, settings, report, split=role)
        presence = np.zeros((len(reader), len(names)), dtype=bool)
        presence[table.rows, table.labels] = True
        values = {
            "boxes": measure_sizes(table, anchors.size),
            "reach": _measure_reach(anchors, reader, report, split=role),
        }
        examined[role] = Examined(count_boxes(table, reader.classes), presence, values)
    return examined


def _measure_reach(anchors: Anchors, reader: BoxDataset, report: Report, *, split: str) -> dict[str, Any] | None:
    """Measure the reach of the anchors, and report what they miss of the boxes to train on; None without boxes."""
    boxes, labels = (torch.from_numpy(values) for values in reader.boxes_at(anchors.size))
    if not len(boxes):
        return None
    if split == "train":
        reach = check_reach(anchors, boxes, labels, names=reader.classes.names, split=split, report=report)
    else:
        reach = anchors.measure(boxes, labels)
    return describe_reach(reach, reader.classes.names)


def plot_boxes(readers: dict[str, BoxDataset], config: dict[str, Any], path: Path) -> None:
    """Draw the sizes of the boxes of each split beside the anchors."""
    first, *_ = readers.values()
    anchors = choose_anchors(config, first)
    sides, labels = {}, {}
    for role, reader in readers.items():
        boxes, labels[role] = reader.boxes_at(anchors.size)
        sides[role] = boxes[:, 2:] - boxes[:, :2]
    plot_box_sizes(sides, labels, classes=first.classes, anchors=anchors.sides().numpy(), path=path)
