"""What predictions leave behind: results, masks, pictures, videos; complete after every image, whatever comes next."""

import csv
import json
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from data.escapes import to_utf8
from data.samples import IGNORE
from data.streams.videos import VideoFile
from tasks.drawing.images import save_image
from tasks.predict.prediction import Prediction

MOST_NAMES = 20  # classes in the legend of a video of boxes, whose tags name them too


class Writer(Protocol):
    """Writes each prediction."""

    def write(self, prediction: Prediction) -> None:
        """Write one."""

    def close(self) -> None:
        """Finish the files."""


class JsonResults:
    """Boxes as COCO results, with the file that they are in; a valid JSON file after each image."""

    END = b"\n]\n"

    def __init__(self, path: Path) -> None:
        self.file = path.open("wb")
        self.file.write(b"[" + self.END)
        self.images = self.entries = 0

    def write(self, prediction: Prediction) -> None:
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


def to_coco(prediction: Prediction, *, image_id: int) -> list[dict[str, Any]]:
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

    def write(self, prediction: Prediction) -> None:
        """Add the boxes of an image, to a hundredth of a pixel."""
        timestamp = prediction.timestamp
        when = [None, None] if timestamp is None else [timestamp.number, round(timestamp.seconds, 3)]
        where = [to_utf8(prediction.file or prediction.name), *when]
        for box, label, score in zip(prediction.boxes, prediction.labels, prediction.scores, strict=True):
            sides = [round(side, 2) for side in box.tolist()]
            self.table.writerow([*where, to_utf8(prediction.classes.names[label]), round(float(score), 4), *sides])
        self.file.flush()

    def close(self) -> None:
        """Close the file."""
        self.file.close()


class LabelMasks:
    """Masks as PNG files whose values are the data set's own label ids and whose palette holds the classes' colours."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def write(self, prediction: Prediction) -> None:
        """Write NAME.png; pixels of classes that were left out are IGNORE, and white."""
        if prediction.mask is None:
            raise ValueError(f"{prediction.name}: no mask")
        kind = np.min_scalar_type(max(prediction.classes.ids))
        ids = np.full(IGNORE + 1, IGNORE, kind)
        ids[: len(prediction.classes)] = prediction.classes.ids
        image = Image.fromarray(ids[prediction.mask])
        if kind == np.uint8:  # masks of 16 bits have no palette
            palette = np.full((IGNORE + 1, 3), 255, np.uint8)
            palette[list(prediction.classes.ids)] = prediction.classes.colors
            image.putpalette(palette.tobytes())
        image.save(self.folder / f"{prediction.name}.png")

    def close(self) -> None:
        """Do nothing: each file is closed."""


class Pictures:
    """Images with what was found drawn on them, in `folder`; frames of videos too, unless a video is made of them."""

    def __init__(self, folder: Path, suffix: str, *, frames: bool) -> None:
        self.folder, self.suffix, self.frames = folder, suffix, frames

    def write(self, prediction: Prediction) -> None:
        """Write NAME.jpg or NAME.png; of an image too long for JPEG, see `save_image`, NAME.png always."""
        if prediction.timestamp is None or self.frames:
            self.folder.mkdir(exist_ok=True)
            save_image(prediction.draw(), self.folder / f"{prediction.name}.{self.suffix}")

    def close(self) -> None:
        """Do nothing: each file is closed."""


class Videos:
    """Videos with what was found drawn on them, one for each in the source, with one legend all through."""

    def __init__(self, folder: Path, *, names: Collection[str]) -> None:
        self.folder, self.names = folder, names
        self.video = ""
        self.file: VideoFile | None = None

    def write(self, prediction: Prediction) -> None:
        """Add a frame to NAME.mp4."""
        timestamp = prediction.timestamp
        if timestamp is None:
            return
        if self.file is None or timestamp.video != self.video:
            self.close()
            self.video = timestamp.video
            self.file = VideoFile(self.folder / f"{timestamp.video}.mp4", rate=timestamp.rate)
        self.file.write(prediction.draw(legend=self.names), timestamp.seconds)

    def close(self) -> None:
        """Finish the last video."""
        if self.file is not None:
            self.file.close()


class Tally:
    """Counts what was found, for the command's last line."""

    def __init__(self) -> None:
        self.images = self.boxes = self.masks = 0
        self.classes: set[int] = set()

    def write(self, prediction: Prediction) -> None:
        """Count the boxes, or the classes in the mask, of an image."""
        self.images += 1
        self.boxes += len(prediction.boxes)
        if prediction.mask is not None:
            self.masks += 1
            self.classes.update(np.unique(prediction.mask).tolist())

    def close(self) -> None:
        """Do nothing: there is no file."""

    def __str__(self) -> str:
        if not self.masks:
            return f"{count(self.images, 'image')}, {count(self.boxes, 'box', 'boxes')}"
        found = len(self.classes - {IGNORE})
        return f"{count(self.images, 'image')}, masks of {count(found, 'class', 'classes')}"


def count(number: int, one: str, many: str | None = None) -> str:
    """Return how many there are, such as 1 box or 2 boxes."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"
