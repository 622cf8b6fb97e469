"""How images enter an exported file, as its contract says it, beside how they enter the model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from data.resizing import resize_image
from data.sizes import Size
from tasks.export.differences import Difference
from tasks.export.parity import HALF_LEVEL, Stage, compare
from tasks.export.verdicts import FP32, Ratio
from tasks.formats.settings import Input
from tasks.models.preprocessing import Preprocessing

Triple = tuple[float, float, float]

STAGES = ("resizing", "colour order", "normalisation")


@dataclass(frozen=True)
class Entry:
    """What a contract says of an image on its way into a file.

    Attributes:
        size: (height, width) that it is resized to.
        resize: one of `data.sizes.RESIZE_RULES`, how.
        colors: order of the channels.
        mean: per channel of that order, of values scaled to 0..1.
        std: likewise.
        input: "uint8" where the file takes bytes, which rounds what a rule gives in floats.
    """

    size: Size
    resize: str
    colors: Literal["RGB", "BGR"]
    mean: Triple
    std: Triple
    input: Input = "uint8"


def read_entry(told: Mapping[str, Any]) -> Entry:
    """Return what model.json says under "preprocessing", see `tasks.export.facts.describe_input`."""
    return Entry(
        size=tuple(told["size"]),
        resize=told["resize"],
        colors=told["colors"],
        mean=tuple(told["mean"]),
        std=tuple(told["std"]),
        input="uint8" if told["normalized_by"] == "the file" else "float",
    )


def compare_entry(preprocessing: Preprocessing, entry: Entry, photos: Sequence[np.ndarray]) -> tuple[Stage, ...]:
    """Compare what a host makes of images by a contract with what the model was trained on.

    The sensitivity is what half a grey level, added or taken off behind the resizing, changes. Where a contract rounds
    to bytes what the model takes in floats, half a grey level is allowed.

    Args:
        preprocessing: of the model.
        entry: of the contract.
        photos: (H, W, 3) uint8, RGB, before any resizing.

    Returns:
        A stage each for resizing, colour order and normalisation.
    """
    owns, shifts = ([Difference() for _ in STAGES] for _ in range(2))
    generator, rounded = np.random.default_rng(0), False
    for photo in photos:
        resized = resize_image(photo, preprocessing.size, rule=preprocessing.resize)
        rounded |= entry.input == "uint8" and resized.dtype != np.uint8
        moved = resized + HALF_LEVEL * generator.choice((-1.0, 1.0), resized.shape)
        reference = take_in(resized, preprocessing)
        for differences, other in ((owns, follow(entry, photo)), (shifts, take_in(moved, preprocessing))):
            for difference, one, two in zip(differences, reference, other, strict=True):
                difference.add(one, two)
    limits = [Ratio(shift.relative(shift.largest)) if rounded else FP32 for shift in shifts]
    stages = zip(STAGES, owns, shifts, limits, strict=True)
    return tuple(compare(name, own, shift, limit=limit) for name, own, shift, limit in stages)


def take_in(resized: np.ndarray, preprocessing: Preprocessing) -> tuple[np.ndarray, ...]:
    """Return what becomes of a resized image in the model, after each of `STAGES`."""
    values = resized.astype(np.float64)
    return values, values, normalize(values, preprocessing.mean, preprocessing.std)


def follow(entry: Entry, photo: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return what becomes of an image after each of `STAGES` where a host does what the contract says."""
    values = resize_image(photo, entry.size, rule=entry.resize).astype(np.float64)
    if entry.input == "uint8":
        values = np.rint(values)
    ordered = values[..., ::-1] if entry.colors == "BGR" else values
    return values, ordered, normalize(ordered, entry.mean, entry.std)


def normalize(values: np.ndarray, mean: Triple, std: Triple) -> np.ndarray:
    """Return values of 0 to 255 in a network's range."""
    return (values / 255 - np.array(mean)) / np.array(std)
