"""Rectangles that are turned about their centres, as CVAT writes them: an upright box beside an angle."""

from math import cos, isfinite, nan, radians, sin


def surround(box_xywh: list[float], degrees: float) -> list[float]:
    """Return the upright box around a rectangle that is turned about its centre.

    Args:
        box_xywh: the rectangle before it is turned, in pixels.
        degrees: that it is turned by, either way; all is NaN where they are no finite number.
    """
    left, top, width, height = box_xywh
    angle = radians(degrees) if isfinite(degrees) else nan
    across, along = abs(cos(angle)), abs(sin(angle))
    wide, high = width * across + height * along, width * along + height * across
    return [left + (width - wide) / 2, top + (height - high) / 2, wide, high]
