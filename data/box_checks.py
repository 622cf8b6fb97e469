"""Labels against the images that they speak of: sizes from the headers, and boxes that can teach nothing left out."""

from dataclasses import replace
from itertools import repeat

import numpy as np

from data.errors import InputError
from data.findings import Finding, Report, fault
from data.folders import join_names, report_left_out
from data.image_headers import Header, describe_size
from data.images import inspect_image
from data.labels import BoxList, Labels
from data.orientation import choose_upright
from data.reading import read_all
from data.sizes import MOST_PIXELS, Size

NO_SHARES = "values that are not fractions of the image's sides"  # what is wrong with relative boxes, and with others
SHARES = "within the first pixel, as fractions of the image's sides are"
BEYOND_ONE = 0.01  # that shares of a side may leave 0..1 by: rounding, and boxes drawn over the border


def check_images(
    labels: Labels, *, most_pixels: int = MOST_PIXELS, report: Report
) -> tuple[Labels, np.ndarray, np.ndarray]:
    """Check that every image is there, is an image, is not too large and has the size that the labels say.

    Returns:
        the labels of the N images that can be used; (N, 2) int64, their height and width in pixels; and (N,) bool,
        whether they are those of the upright picture, else of the raw pixels.

    Raises:
        InputError: if the folder is missing or empty, or `report` refuses what is wrong.
    """
    if labels.packed is not None:
        usable = labels.packed.find_usable(most_pixels=most_pixels, report=report)
        return labels.take_images(usable), labels.packed.sizes[usable], labels.packed.upright[usable]
    if not labels.folder.is_dir() or not any(labels.folder.iterdir()):
        wanted = f"expected a folder with the images that {labels.source} lists"
        raise InputError(f"{labels.folder}: missing or empty; {wanted}")
    paths = join_names(labels.folder, labels.images.names.tolist())
    report_left_out(paths, source=labels.source, report=report)
    found = read_all(
        _inspect, paths, labels.images.sizes, repeat(most_pixels), source=f"images of {labels.source}", report=report
    )
    labels = labels.take_images(np.array([header is not None for header in found], dtype=bool))
    headers, images = [header for header in found if header is not None], labels.images
    upright = choose_upright(
        headers, images.sizes, names=images.names.tolist(), source=str(labels.source), report=report
    )
    sizes = [header.upright if up else header.raw for header, up in zip(headers, upright.tolist(), strict=True)]
    return labels, np.array(sizes, dtype=np.int64).reshape(-1, 2), upright


def _inspect(path: str, expected: Size | None, most_pixels: int) -> Header:
    """Read the header of an image, whose size must be `expected`, raw or upright."""
    header = inspect_image(path, most_pixels=most_pixels)
    if expected is not None and expected not in (header.raw, header.upright):
        found = f"size is {describe_size(header.upright)}"
        raise fault("size of an image", path, found, f"expected {describe_size(expected)}")
    return header


def keep_good(
    labels: Labels, sizes: np.ndarray, *, may_be_empty: bool, report: Report
) -> tuple[BoxList, np.ndarray, dict[str, int]]:
    """Sort boxes by image, in pixels, and leave out and report the bad ones.

    Args:
        labels: of N images.
        sizes: (N, 2) int64, their height and width in pixels.
        may_be_empty: whether images without any box are what is asked for.
        report: takes a warning for each kind of bad box, an error if there are boxes and none is good.

    Returns:
        the M good boxes; (M, 4) float32, the same as xyxy in pixels, clipped to the image; how many of each kind of bad
        box there were.
    """
    boxes = labels.boxes.take(np.argsort(labels.boxes.rows, kind="stable"))
    outside = find_unnormalised(boxes.boxes_xywh)
    boxes = _to_pixels(boxes, sizes, relative=labels.relative)
    xyxy = np.concatenate([boxes.boxes_xywh[:, :2], boxes.boxes_xywh[:, :2] + boxes.boxes_xywh[:, 2:]], axis=1)
    limit = np.tile(sizes[boxes.rows][:, ::-1], 2)  # (M, 4): width, height, width, height
    clipped = xyxy.clip(0, limit).astype(np.float32)
    conditions = find_bad(boxes.boxes_xywh, clipped)
    if labels.relative:
        conditions = {NO_SHARES: outside, **conditions}
    else:
        conditions[SHARES] = (xyxy <= 1 + BEYOND_ONE).all(axis=1)
    good, bad = np.ones(len(boxes), dtype=bool), {}
    for kind, holds in conditions.items():  # the first that holds counts
        bad[kind] = holds & good
        good &= ~holds
    bad = {kind: chosen for kind, chosen in sorted(bad.items()) if chosen.any()}
    dropped = {kind: int(chosen.sum()) for kind, chosen in bad.items()}
    if len(boxes):
        _report_bad(labels, boxes, bad, dropped, report=report)
    else:
        _report_none(labels, may_be_empty=may_be_empty, report=report)
    beyond = (np.abs(xyxy - clipped) > 1).any(axis=1) & good
    if beyond.any():
        found = f"{int(beyond.sum())} of {len(boxes)} boxes extend over 1 px beyond their image: clipped"
        cure = f"expected boxes inside (first: {_place(labels, boxes, beyond)})"
        places = _find_places(labels, boxes, beyond)
        report(Finding("note", "box beyond the border", str(labels.source), found, cure, places))
    return boxes.take(good), clipped[good], dropped


def find_unnormalised(boxes_xywh: np.ndarray) -> np.ndarray:
    """Return (M,) bool: which relative boxes have a centre or a size that is no share of the image's sides."""
    centres, sides = boxes_xywh[:, :2] + boxes_xywh[:, 2:] / 2, boxes_xywh[:, 2:]
    wrong = (centres < -BEYOND_ONE) | (centres > 1 + BEYOND_ONE) | (sides > 1 + BEYOND_ONE)  # (M, 2)
    return wrong.any(axis=1) & np.isfinite(boxes_xywh).all(axis=1)


def find_bad(boxes_xywh: np.ndarray, clipped: np.ndarray) -> dict[str, np.ndarray]:
    """Return (M,) bool by what may be wrong with a box: for which boxes it is; the first counts where several hold."""
    size = boxes_xywh[:, 2:]
    return {
        "not four numbers": np.isnan(boxes_xywh).any(axis=1),
        "NaN or infinite": np.isinf(boxes_xywh).any(axis=1),
        "negative width or height": (size < 0).any(axis=1),
        "zero width or height": (size == 0).any(axis=1),
        "no area inside the image": (clipped[:, 2:] <= clipped[:, :2]).any(axis=1),
    }


def _to_pixels(boxes: BoxList, sizes: np.ndarray, *, relative: bool) -> BoxList:
    """Return boxes in pixels, with the area of the box where the file does not say."""
    boxes_xywh = boxes.boxes_xywh
    if relative:
        boxes_xywh = boxes_xywh * np.tile(sizes[boxes.rows][:, ::-1], 2)
    areas = np.where(np.isnan(boxes.areas), boxes_xywh[:, 2] * boxes_xywh[:, 3], boxes.areas)
    return replace(boxes, boxes_xywh=boxes_xywh, areas=areas)


def _report_bad(
    labels: Labels, boxes: BoxList, bad: dict[str, np.ndarray], dropped: dict[str, int], *, report: Report
) -> None:
    """Report each kind of bad box with its number and its first place; an error where no box is good."""
    cure = "expected the box of an object in the image"
    if sum(dropped.values()) == len(boxes):
        found = ", ".join(f"{n} {kind} (first: {_place(labels, boxes, bad[kind])})" for kind, n in dropped.items())
        report(Finding("error", "no good box", str(labels.source), f"all {len(boxes)} boxes are bad: {found}", cure))
        return
    for kind, count in dropped.items():
        found = f"left out {count} of {len(boxes)} boxes: {kind} (first: {_place(labels, boxes, bad[kind])})"
        places = _find_places(labels, boxes, bad[kind])
        report(Finding("warning", f"box: {kind}", str(labels.source), found, cure, places))


def _report_none(labels: Labels, *, may_be_empty: bool, report: Report) -> None:
    """Report labels without any box."""
    found = f"none of {len(labels.images)} images has a box"
    if may_be_empty:
        cure = "fine for counting false alarms alone: every other metric needs boxes"
        report(Finding("warning", "no boxes", str(labels.source), found, cure))
    else:
        report(Finding("error", "no boxes", str(labels.source), found, "expected the box of an object in some image"))


def _place(labels: Labels, boxes: BoxList, chosen: np.ndarray) -> str:
    """Say where the first of the chosen boxes stands."""
    return _find_places(labels, boxes, np.flatnonzero(chosen)[:1])[0]


def _find_places(labels: Labels, boxes: BoxList, chosen: np.ndarray) -> tuple[str, ...]:
    """Say where each of the chosen boxes stands."""
    rows, ids = boxes.rows[chosen], boxes.ids[chosen].tolist()
    return tuple(map(labels.place, labels.images.names[rows].tolist(), ids))
