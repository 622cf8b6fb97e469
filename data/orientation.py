"""Which way round labels were drawn on photographs whose EXIF orientation turns or mirrors them.

What shows a picture to people turns it, and so do the tools of today: labels are those of the upright picture. Older
tools drew on the pixels as they are stored; the size in their labels gives them away where a quarter turn changes it,
and then all labels of the split are theirs.
"""

from collections.abc import Sequence

import numpy as np

from data.findings import Finding, Level, Report
from data.image_headers import Header
from data.sizes import Size

CURE = "look at the samples, whose boxes or masks must lie on the objects"


def choose_upright(
    headers: Sequence[Header], labelled: Sequence[Size | None], *, names: Sequence[str], source: str, report: Report
) -> np.ndarray:
    """Tell for each image whether its labels are of the upright picture, else of the raw pixels: (N,) bool.

    Args:
        headers: of N images.
        labelled: (height, width) that the labels of each were drawn on, raw or upright; None where they do not say.
        names: of the images, for the report.
        source: of the labels, likewise.
        report: takes how many are turned, and a warning where labels of both kinds leave some unclear.
    """
    rows = list(zip(headers, labelled, strict=True))
    turned = np.array([header.turned for header in headers], dtype=bool)
    told = np.array([size is not None and header.raw != header.upright for header, size in rows], dtype=bool)
    raw = told & np.array([size == header.raw for header, size in rows], dtype=bool)
    mixed = bool(raw.any() and (told & ~raw).any())
    upright = ~turned if raw.any() and not mixed else ~raw
    if turned.any():
        places = tuple(name for name, kept in zip(names, turned.tolist(), strict=True) if kept)
        found = f"EXIF orientation turns or mirrors {len(places)} of {len(rows)} images (first: {places[0]})"
        level: Level = "warning" if mixed and (turned & ~told).any() else "note"
        report(Finding(level, "image turned by EXIF", source, f"{found}; {_say(upright[turned])}", CURE, places))
    return upright


def _say(upright: np.ndarray) -> str:
    """Say how labels are taken, of turned images (N,) bool whose labels are of the upright picture."""
    if upright.all():
        return "labels are taken as drawn on the upright images"
    if not upright.any():
        return "labels are taken as drawn on the raw pixels, whose size they give"
    raw = int((~upright).sum())
    return f"labels are taken as drawn on the upright images, but for {raw} whose size is that of the raw pixels"
