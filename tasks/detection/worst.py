"""The images that a detector does worst on, drawn with what is right, false and missed."""

from collections import Counter
from pathlib import Path

import numpy as np

from data.classes import ClassTable
from data.escapes import to_utf8
from data.readers import BoxReader
from tasks.detection.analysis import Analysis
from tasks.detection.errors import DETECTION_KINDS
from tasks.drawing.fonts import brief
from tasks.drawing.images import draw_boxes, draw_legend, save_image, side_by_side

FOLDER = "worst"
PICTURES = 8
RIGHT, FALSE, MISSED, CROWD = range(4)
# Colours that stay apart for colour-blind eyes (Okabe and Ito, "Color Universal Design", 2008).
STATES = ClassTable.create(
    ("right", "false", "missed", "on a crowd"),
    range(4),
    colors=((0, 158, 115), (213, 94, 0), (204, 121, 167), (150, 150, 150)),
)


def rank_images(analysis: Analysis) -> list[int]:
    """Return the images with mistakes, worst first: by mistakes times their share of all that was there or shown.

    A mistake is a false positive above the threshold or a box that no detection above it found; so a full image with
    a few mistakes counts for less than one where all is wrong.
    """
    matches, keep = analysis.matches, analysis.keep
    count = len(matches.empty)
    false = np.bincount(matches.found.images[keep & matches.false], minlength=count)
    right = np.bincount(matches.found.images[keep & matches.right], minlength=count)
    mistakes = false + np.bincount(matches.truth.images, minlength=count) - right
    badness = mistakes**2 / np.maximum(mistakes + 2 * right, 1)  # mistakes times 1 - F1
    order = np.argsort(-badness, kind="stable")
    return order[mistakes[order] > 0].tolist()


def draw_worst(out: Path, analysis: Analysis, reader: BoxReader) -> list[dict[str, str]]:
    """Draw the worst images into out/worst, ground truth left and detections right.

    Args:
        out: folder of the evaluation.
        analysis: of the same reader.
        reader: of the images.

    Returns:
        What analysis.json says of each: image, picture, why.
    """
    chosen = rank_images(analysis)[:PICTURES]
    if chosen:
        (out / FOLDER).mkdir(parents=True, exist_ok=True)
    images = reader.ground_truth()["images"]
    entries = []
    for rank, index in enumerate(chosen, start=1):
        truth_said, found_said = describe_image(analysis, index)
        image = reader[index].image
        panes = _draw_truth(image, analysis, index), _draw_found(image, analysis, index)
        pair = side_by_side(*panes, titles=(f"ground truth: {truth_said}", f"detections: {found_said}"))
        legend = draw_legend(np.array([RIGHT, FALSE, MISSED]), classes=STATES, width=pair.shape[1])
        path = save_image(np.vstack([pair, legend]), out / FOLDER / f"{rank:02d}_{images[index]['id']}.jpg")
        picture = path.relative_to(out).as_posix()
        name, why = to_utf8(images[index]["file_name"]), f"{truth_said}; {found_said}"
        entries.append({"image": name, "picture": picture, "why": why})
    return entries


def describe_image(analysis: Analysis, index: int) -> tuple[str, str]:
    """Say in a few words which boxes of an image were missed, and which detections are false."""
    matches = analysis.matches
    boxes, detections = matches.truth.images == index, analysis.keep & (matches.found.images == index)
    missed = boxes & ~matches.boxes_found(analysis.keep)
    kinds = Counter(DETECTION_KINDS[kind] for kind in analysis.errors.kinds[detections & matches.false])
    lost = Counter(matches.names[label] for label in matches.truth.labels[missed])
    return (
        f"{missed.sum()} of {boxes.sum()} missed" + _list_counts(lost),
        f"{kinds.total()} of {(detections & ~matches.ignored).sum()} false" + _list_counts(kinds),
    )


def _list_counts(counts: Counter[str]) -> str:
    """Return " (3 cat, 1 dog)", the most frequent three."""
    listed = [f"{count} {name}" for name, count in counts.most_common(3)] + (["..."] if len(counts) > 3 else [])
    return f" ({', '.join(listed)})" if listed else ""


def _draw_truth(image: np.ndarray, analysis: Analysis, index: int) -> np.ndarray:
    matches = analysis.matches
    own = np.flatnonzero(matches.truth.images == index)
    states = np.where(matches.boxes_found(analysis.keep)[own], RIGHT, MISSED)
    texts = [brief(matches.names[label]) for label in matches.truth.labels[own]]
    said = ["missed" if state == MISSED else "" for state in states]
    return _draw(image, matches.truth.xywh[own], states, texts=texts, said=said)


def _draw_found(image: np.ndarray, analysis: Analysis, index: int) -> np.ndarray:
    matches = analysis.matches
    own = np.flatnonzero(analysis.keep & (matches.found.images == index))
    states = np.select([matches.right[own], matches.ignored[own]], [RIGHT, CROWD], FALSE)
    rows = zip(matches.found.labels[own], matches.found.scores[own], strict=True)
    texts = [f"{brief(matches.names[label])} {score:.2f}" for label, score in rows]
    said = ["" if kind < 0 else DETECTION_KINDS[kind] for kind in analysis.errors.kinds[own]]
    said = ["on a crowd" if state == CROWD else kind for state, kind in zip(states, said, strict=True)]
    return _draw(image, matches.found.xywh[own], states, texts=texts, said=said)


def _draw(image: np.ndarray, xywh: np.ndarray, states: np.ndarray, *, texts: list[str], said: list[str]) -> np.ndarray:
    """Draw boxes in the colours of their states, each with its text and what is said of it."""
    tags = [f"{text}, {word}" if word else text for text, word in zip(texts, said, strict=True)]
    boxes = np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], axis=1)
    return draw_boxes(image, boxes, states, classes=STATES, tags=tags)
