"""One look at every image file: can it be decoded, what is it, and what does it show in a few numbers?"""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from data.bounded.content import Content, hash_file
from data.findings import EntryError, Finding, Report
from data.image_files import ImageFiles
from data.image_headers import SUFFIXES, describe_size
from data.images import inspect_image, load_image
from data.sizes import Size
from tasks.doctor.duplicates import THUMBNAIL, hash_differences

LEAST_SIDE = 32  # pixels that a JPEG file is decoded at: all of its data are read, most of the arithmetic is saved
SMALL_SIDE = 32  # pixels: a shorter image has little to show
LONG_ASPECT = 4.0  # longer side to shorter one, from which resizing to the network's input distorts a lot
USUAL_MODES = ("RGB", "L")
MODES = {"RGBA": "with transparency", "LA": "with transparency", "PA": "with transparency", "CMYK": "for print"}


@dataclass(frozen=True)
class ImageFacts:
    """What one look at an image file gives.

    Attributes:
        path: of the file.
        size: (height, width) of the upright image in pixels; None where the header cannot be read.
        format: "JPEG"; "" likewise.
        mode: how a pixel is kept, as Pillow says it: "RGB"; "" likewise.
        fault: why it cannot be used; None where it can.
        content: hash of the file's bytes; "" unless it was decoded.
        bits: (64,) bool, the difference hash; None unless it was decoded.
        thumbnail: (THUMBNAIL, THUMBNAIL) uint8, grey; None unless it was decoded.
        pictures: that the file holds.
    """

    path: str
    size: Size | None = None
    format: str = ""
    mode: str = ""
    fault: Finding | None = None
    content: str = ""
    bits: np.ndarray | None = None
    thumbnail: np.ndarray | None = None
    pictures: int = 1


def look_at(file: Path | Content, *, decode: bool) -> ImageFacts:
    """Read one file: its header, and its pixels where `decode` says so."""
    path, size, kind, pictures = str(file), None, ("", ""), 1
    try:
        header = inspect_image(file)
        size, kind, pictures = header.upright, (header.format, header.mode), header.pictures
        if not decode:
            return ImageFacts(path, size, *kind, pictures=pictures)
        image = load_image(file, least_side=LEAST_SIDE)
    except EntryError as error:
        return ImageFacts(path, size, *kind, fault=error.finding)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    thumbnail = cv2.resize(grey, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
    content = hash_file(file) if isinstance(file, Path) else hashlib.sha256(file.getvalue()).hexdigest()
    return ImageFacts(path, size, *kind, None, content, hash_differences(grey), thumbnail, pictures)


def look_at_all(
    files: ImageFiles, *, decode: bool, workers: int, advance: Callable[[], object] = lambda: None
) -> list[ImageFacts]:
    """Look at many files in threads: decoding leaves Python's lock to others.

    Args:
        files: of a split.
        decode: whether pixels are read, or headers alone.
        workers: threads.
        advance: called after each file.
    """

    def look(index: int) -> ImageFacts:
        try:
            return look_at(files.open(index), decode=decode)
        except EntryError as error:
            return ImageFacts(files.path(index), fault=error.finding)

    facts = []
    with ThreadPoolExecutor(max(1, workers)) as pool:
        for found in pool.map(look, range(files.count)):
            facts.append(found)
            advance()
    return facts


def summarize_images(facts: Sequence[ImageFacts]) -> dict[str, Any]:
    """Return the sizes, the proportions and the formats of the images whose headers could be read."""
    sizes = np.array([fact.size for fact in facts if fact.size], dtype=np.int64).reshape(-1, 2)
    kinds = Counter(f"{fact.format} {fact.mode}" for fact in facts if fact.size)
    if not len(sizes):
        return {"count": len(facts), "height": None, "width": None, "aspect": None, "formats": {}}
    aspects = sizes[:, 1] / sizes[:, 0]
    return {
        "count": len(facts),
        "height": _spread(sizes[:, 0]),
        "width": _spread(sizes[:, 1]),
        "aspect": _spread(aspects.round(3)),
        "formats": dict(kinds.most_common()),
    }


def _spread(values: np.ndarray) -> dict[str, float]:
    """Return the least, the median and the largest of (N,) values."""
    return {"min": values.min().item(), "median": float(np.median(values)), "max": values.max().item()}


def check_images(facts: Sequence[ImageFacts], report: Report) -> None:
    """Report files that cannot be used, and those that are odd."""
    for fact in facts:
        if fact.fault is not None:
            report(fact.fault)
        if fact.size is None:
            continue
        where = str(fact.path)
        if min(fact.size) < SMALL_SIDE:
            cure = "check whether it is a thumbnail by mistake"
            report(Finding("note", "very small image", where, describe_size(fact.size), cure))
        if max(fact.size) >= LONG_ASPECT * min(fact.size):
            cure = "cut it into parts: resized to the network's input its proportions change a lot"
            report(Finding("note", "very long image", where, describe_size(fact.size), cure))
        if fact.mode not in USUAL_MODES:
            cure = "is used as RGB; look at the samples"
            report(Finding("note", "unusual pixel format", where, _describe_mode(fact), cure))
        if fact.pictures > 1:
            cure = "save the others as files of their own if they are to be used"
            report(Finding("note", "file with several images", where, f"the first of {fact.pictures} is used", cure))
        if Path(fact.path).suffix.lower() not in SUFFIXES[fact.format]:
            cure = "is read by its content; other tools may go by the name"
            report(Finding("note", "name of another format", where, f"the file is {fact.format}", cure))


def _describe_mode(fact: ImageFacts) -> str:
    """Return the format of a file with what its pixel format means."""
    meaning = f" ({MODES[fact.mode]})" if fact.mode in MODES else ""
    return f"{fact.format} {fact.mode}{meaning}"
