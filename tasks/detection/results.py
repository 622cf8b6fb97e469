"""The boxes of predictions as files: COCO results, or a table; complete after every image, whatever comes next."""

import csv
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from data.escapes import to_utf8
from tasks.detection.prediction import BoxPrediction


class JsonResults:
    """Boxes as COCO results, with the file that they are in; a valid JSON file after each image."""

    END = b"\n]\n"

    def __init__(self, path: Path) -> None:
        self.file = path.open("wb")
        self.file.write(b"[" + self.END)
        self.images = self.entries = 0

    def write(self, prediction: BoxPrediction) -> None:
        """Add the boxes of an image; image_id counts the images from 1."""
        self.images += 1
        entries = [json.dumps(entry, allow_nan=False) for entry in to_coco(prediction, image_id=self.images)]
        if entries:
            self.file.seek(-len(self.END), os.SEEK_END)
            self.file.write((b",\n" if self.entries else b"\n") + ",\n".join(entries).encode() + self.END)
        self.entries += len(entries)
        self.file.flush()

    def close(self) -> None:
        """Close the file."""
        self.file.close()


def to_coco(prediction: BoxPrediction, *, image_id: int) -> list[dict[str, Any]]:
    """Write boxes as COCO results: boxes_xywh in pixels, the data set's own ids; and where the image is from."""
    boxes_xywh = np.hstack([prediction.boxes[:, :2], prediction.boxes[:, 2:] - prediction.boxes[:, :2]])
    where: dict[str, Any] = {"file_name": to_utf8(prediction.file or prediction.name)}
    if prediction.timestamp is not None:
        where |= {"frame": prediction.timestamp.number, "seconds": round(prediction.timestamp.seconds, 3)}
    ids = prediction.classes.ids
    return [
        {"image_id": image_id, "category_id": ids[label], "bbox": box, "score": score, **where}
        for box, score, label in zip(boxes_xywh.tolist(), prediction.scores.tolist(), prediction.labels, strict=True)
    ]


class CsvResults:
    """Boxes as a table, one line each."""

    COLUMNS = ("file", "frame", "seconds", "class", "score", "left", "top", "right", "bottom")

    def __init__(self, path: Path) -> None:
        self.file = path.open("w", encoding="utf-8", newline="")
        self.table = csv.writer(self.file)
        self.table.writerow(self.COLUMNS)

    def write(self, prediction: BoxPrediction) -> None:
        """Add the boxes of an image, to a hundredth of a pixel."""
        for box, label, score in zip(prediction.boxes, prediction.labels, prediction.scores, strict=True):
            sides = [round(side, 2) for side in box.tolist()]
            self.table.writerow(
                [*prediction.place, to_utf8(prediction.classes.names[label]), round(float(score), 4), *sides]
            )
        self.file.flush()

    def close(self) -> None:
        """Close the file."""
        self.file.close()


class BoxTally:
    """Counts boxes."""

    def __init__(self) -> None:
        self.boxes = 0

    def write(self, prediction: BoxPrediction) -> None:
        """Count the boxes of an image."""
        self.boxes += len(prediction.boxes)

    def add(self, other: "BoxTally") -> None:
        """Count what another process has counted."""
        self.boxes += other.boxes

    def close(self) -> None:
        """Do nothing: there is no file."""

    def __str__(self) -> str:
        return "1 box" if self.boxes == 1 else f"{self.boxes} boxes"
