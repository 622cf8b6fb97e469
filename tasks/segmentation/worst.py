"""The images that a segmenter does worst on, drawn with a map of what is wrong."""

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from data.classes import ClassTable
from data.escapes import to_utf8
from data.readers import MaskReader
from data.samples import IGNORE, SegmentationSample
from tasks.drawing.images import draw_legend, draw_mask, save_image, side_by_side
from tasks.segmentation.boundary import build_disc, find_boundary, find_tolerance

FOLDER = "worst"
PICTURES = 8
WIDEST = 1800  # pixels of a picture
RIGHT, NEAR, WRONG, IGNORED = range(4)
# Colours that stay apart for colour-blind eyes (Okabe and Ito, "Color Universal Design", 2008).
STATES = ClassTable.create(
    ("right", "wrong at an outline", "wrong", "ignored"),
    range(4),
    colors=((255, 255, 255), (240, 228, 66), (213, 94, 0), (0, 0, 0)),
)


def rank_images(wrong: Sequence[float]) -> list[int]:
    """Return the images with mistakes, those with the largest share of wrong pixels first."""
    order = np.argsort(-np.array(wrong), kind="stable").tolist()
    return [index for index in order if wrong[index] > 0]


def draw_error_map(image: np.ndarray, predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Draw where a mask is wrong over a pale grey image, and where that is within the tolerance of a true outline.

    Args:
        image: (H, W, 3) uint8, RGB.
        predicted: (H, W) class indices.
        truth: (H, W) class indices or IGNORE.

    Returns:
        (H, W, 3) uint8, in the colours of STATES.
    """
    outlines, boundary = np.zeros(truth.shape, dtype=np.uint8), find_boundary(truth)
    outlines[boundary[:, 0], boundary[:, 1]] = 1
    near = cv2.dilate(outlines, build_disc(find_tolerance(truth.shape))) > 0
    wrong, ignored = predicted != truth, truth == IGNORE
    states = np.select([ignored, wrong & near, wrong], [IGNORED, NEAR, WRONG], RIGHT)
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return draw_mask(grey, states.astype(np.uint8), classes=STATES, opacity=0.7)


def describe_errors(predicted: np.ndarray, truth: np.ndarray, classes: ClassTable) -> str:
    """Say which share of the pixels is wrong, and the three most frequent mistakes."""
    counted = truth != IGNORE
    pairs = truth[counted].astype(np.int64) * len(classes) + predicted[counted]
    counts = np.bincount(pairs, minlength=len(classes) ** 2).reshape(len(classes), -1)
    np.fill_diagonal(counts, 0)
    shares = counts / max(counted.sum(), 1)
    largest = [divmod(int(place), len(classes)) for place in np.argsort(-counts, axis=None, kind="stable")[:3]]
    said = [f"{classes.names[t]} as {classes.names[p]} {shares[t, p]:.1%}" for t, p in largest if counts[t, p]]
    return f"{shares.sum():.1%} of the pixels wrong" + (f": {', '.join(said)}" if said else "")


def draw_worst(
    out: Path,
    wrong: Sequence[float],
    reader: MaskReader,
    *,
    classes: ClassTable,
    load_prediction: Callable[[str], np.ndarray],
) -> list[dict[str, str]]:
    """Draw the worst images into out/worst: image and ground truth above, prediction and error map below.

    Args:
        out: folder of the evaluation.
        wrong: share of wrong pixels of each of the reader's images.
        reader: of the images.
        classes: the K classes.
        load_prediction: gives the predicted mask (H, W), class indices, of a sample's name.

    Returns:
        What analysis.json says of each: image, picture, why.
    """
    chosen = rank_images(wrong)[:PICTURES]
    if chosen:
        (out / FOLDER).mkdir(parents=True, exist_ok=True)
    entries = []
    for rank, index in enumerate(chosen, start=1):
        sample = reader[index]
        predicted = load_prediction(sample.name)
        picture = f"{FOLDER}/{rank:02d}_{sample.name}.jpg"
        save_image(draw_comparison(sample, predicted, classes=classes), out / picture)
        why = describe_errors(predicted, sample.mask, classes)
        entries.append({"image": to_utf8(sample.name), "picture": picture, "why": why})
    return entries


def draw_comparison(sample: SegmentationSample, predicted: np.ndarray, *, classes: ClassTable) -> np.ndarray:
    """Draw an image, its mask, the predicted one and what is wrong, at most 1800 pixels wide, with both legends."""
    scale = min(1.0, WIDEST / 2 / sample.image.shape[1])
    panes = [
        sample.image,
        draw_mask(sample.image, sample.mask, classes=classes),
        draw_mask(sample.image, predicted, classes=classes),
        draw_error_map(sample.image, predicted, sample.mask),
    ]
    small = [cv2.resize(pane, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) for pane in panes]
    above = side_by_side(small[0], small[1], titles=("image", "ground truth"))
    below = side_by_side(small[2], small[3], titles=("prediction", "errors"))
    present = np.stack([sample.mask, predicted])
    width = above.shape[1]
    legends = [
        draw_legend(present, classes=classes, width=width),
        draw_legend(np.array([RIGHT, NEAR, WRONG, IGNORED]), classes=STATES, width=width),
    ]
    return np.vstack([above, below, *legends])
