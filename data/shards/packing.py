"""What shards hold of a reader beside its images: arrays for the index, and the labels of each sample by themselves."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data.joining import find_common
from data.readers import BoxReader, LabelReader, MaskReader
from data.shards.samples import Arrays, pack_names


@dataclass(frozen=True)
class Packing:
    """The labels of N samples.

    Attributes:
        holds: "boxes", "masks" or "labels".
        arrays: of all samples, as `data.formats.stream` reads them.
        describe: gives plain values that say what is labelled in one sample, for readers of other programs.
        read_mask: reads a mask (H, W) uint8 of class indices; None where there are none.
        numbered: see `data.labels.Labels`.
        multilabel: whether an image may show several classes.
    """

    holds: str
    arrays: Arrays
    describe: Callable[[int], dict[str, Any]]
    read_mask: Callable[[int], np.ndarray] | None = None
    numbered: bool = False
    multilabel: bool = False


def pack_boxes(reader: BoxReader) -> Packing:
    """Pack boxes, in pixels of whole images."""
    rows, labels, boxes_xywh, areas, crowd = reader.boxes
    counts = np.bincount(rows, minlength=len(reader)).astype(np.int64)
    starts = np.concatenate([[0], np.cumsum(counts)])
    arrays = {
        **_pack_text("name", reader.names.tolist()),
        "image_id": np.asarray(reader.image_ids, dtype=np.int64),
        "size": np.asarray(reader.sizes, dtype=np.int64),
        "upright": np.asarray(reader.upright, dtype=bool),
        "count": counts,
        "label": np.asarray(labels, dtype=np.int64),
        "box_xywh": np.ascontiguousarray(boxes_xywh, dtype=np.float64),
        "area": np.asarray(areas, dtype=np.float64),
        "crowd": np.asarray(crowd, dtype=bool),
    }

    def describe(index: int) -> dict[str, Any]:
        own = slice(starts[index], starts[index + 1])
        return {
            "name": str(reader.names[index]),
            "image_id": int(reader.image_ids[index]),
            "height_width": reader.sizes[index].tolist(),
            "labels": [reader.classes.names[label] for label in labels[own]],
            "boxes_xywh": boxes_xywh[own].tolist(),
            "crowd": crowd[own].tolist(),
        }

    return Packing("boxes", arrays, describe, numbered=reader.numbered)


def pack_masks(reader: MaskReader) -> Packing:
    """Pack what is known of masks; they themselves go into the shards."""
    paths = [Path(path) for path in reader.image_paths.tolist()]
    folder = find_common([path.parent for path in paths])
    arrays = {
        **_pack_text("name", reader.names.tolist()),
        **_pack_text("file", [str(path.absolute().relative_to(folder)) for path in paths]),
        "size": np.asarray(reader.pixel_sizes, dtype=np.int64),
        "upright": np.asarray(reader.upright, dtype=bool),
    }

    def describe(index: int) -> dict[str, Any]:
        return {"name": str(reader.names[index]), "height_width": reader.pixel_sizes[index].tolist()}

    return Packing("masks", arrays, describe, reader.read_mask)


def pack_labels(reader: LabelReader) -> Packing:
    """Pack the classes that images show."""
    counts, labels = reader.labels
    starts = np.concatenate([[0], np.cumsum(counts)])
    arrays = {
        **_pack_text("name", reader.names.tolist()),
        "size": np.asarray(reader.pixel_sizes, dtype=np.int64),
        "upright": np.ones(len(reader), dtype=bool),
        "count": np.asarray(counts, dtype=np.int64),
        "label": np.asarray(labels, dtype=np.int64),
    }

    def describe(index: int) -> dict[str, Any]:
        own = labels[starts[index] : starts[index + 1]]
        return {"name": str(reader.names[index]), "labels": [reader.classes.names[label] for label in own]}

    return Packing("labels", arrays, describe, multilabel=reader.multilabel)


def _pack_text(kind: str, names: list[str]) -> Arrays:
    content, ends = pack_names(names)
    return {f"{kind}_text": content, f"{kind}_end": ends}
