"""What synthetic scenes are drawn with: the light, the camera, and a canvas that marks every pixel it paints."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from cityscapesscripts.helpers.labels import labels as cityscapes_labels
from numpy.typing import ArrayLike

from data.classes import Color

LABELS = {label.name: label.id for label in cityscapes_labels}
FIRST_OBJECT = 64  # an index below is a Cityscapes label id, from here on it is one object of the scene
_SUBPIXEL_BITS = 4  # polygons are placed to a sixteenth of a pixel

Polygon = Sequence[tuple[float, float]] | np.ndarray
Polygons = Sequence[Polygon] | np.ndarray  # an array is (n, P, 2)


@dataclass(frozen=True)
class Light:
    """The light of a scene.

    Attributes:
        ambient: factors of red, green and blue on every colour that does not glow.
        zenith: colour of the sky at the top.
        haze: colour of the sky at the horizon, and of all that is far.
        density: how fast things fade into the haze, 1 / m.
        lit: the chance of a window or lamp to be on.
        sun: the strength of shadows, 0 to 1.
    """

    ambient: tuple[float, float, float]
    zenith: Color
    haze: Color
    density: float
    lit: float
    sun: float

    def shade(self, color: Color, depth: float) -> tuple[float, ...]:
        """Return how a surface of `color` looks from `depth` metres away."""
        clear = math.exp(-self.density * depth)
        (r, g, b), (ar, ag, ab), (hr, hg, hb), fade = color, self.ambient, self.haze, 1 - clear
        return (
            min(r * ar, 255) * clear + hr * fade,
            min(g * ag, 255) * clear + hg * fade,
            min(b * ab, 255) * clear + hb * fade,
        )


@dataclass(frozen=True)
class Camera:
    """A level pinhole camera above a flat street; X runs right, Y up from the ground, Z ahead, all in metres.

    Attributes:
        size: (height, width) of the image in pixels.
        horizon: row of the horizon in pixels.
        center: column of the vanishing point in pixels.
        focal: focal length in pixels.
        eye: height above the ground in metres.
    """

    size: tuple[int, int]
    horizon: float
    center: float
    focal: float
    eye: float

    def project(self, points: ArrayLike) -> np.ndarray:
        """Project (..., 3) points in metres, X Y Z, to (..., 2) pixels, x y."""
        points = np.asarray(points, np.float64)
        scale = self.focal / points[..., 2]
        pixels = np.empty((*scale.shape, 2))
        pixels[..., 0] = self.center + points[..., 0] * scale
        pixels[..., 1] = self.horizon + (self.eye - points[..., 1]) * scale
        return pixels


class Canvas:
    """An image, and beside it which label or object each pixel shows.

    Attributes:
        image: (H, W, 3) uint8, RGB, with smooth edges.
        index: (H, W) uint8, a Cityscapes label id or an object's number, with exact edges.
        light: what colours are shaded by.
    """

    def __init__(self, size: tuple[int, int], light: Light) -> None:
        self.image = np.zeros((*size, 3), np.uint8)
        self.index = np.zeros(size, np.uint8)
        self.light = light

    def fill(self, polygons: Polygons, color: Color, *, index: int, depth: float = 0.0) -> None:
        """Paint polygons, in pixels, and mark their pixels as `index`."""
        shaded = self.light.shade(color, depth)
        for points in _fixed(polygons):  # one by one: where two of a call overlap, fillPoly leaves a hole
            self._paint([points], shaded)
            cv2.fillPoly(self.index, [points], index, cv2.LINE_8, _SUBPIXEL_BITS)

    def detail(self, polygons: Polygons, color: Color, *, depth: float = 0.0) -> None:
        """Paint polygons upon something that is marked already."""
        self._paint(_fixed(polygons), self.light.shade(color, depth))

    def glow(self, polygons: Polygons, color: Color) -> None:
        """Paint polygons that shine by themselves upon something that is marked already."""
        self._paint(_fixed(polygons), color)

    def on(self, point: tuple[float, float], *, label: str) -> bool:
        """Tell whether the pixel at (x, y) shows `label`."""
        x, y = (round(value) for value in point)
        height, width = self.index.shape
        return 0 <= x < width and 0 <= y < height and self.index[y, x] == LABELS[label]

    def darken(self, center: tuple[float, float], radii: tuple[float, float], *, factor: float) -> None:
        """Lay a shadow, an ellipse in pixels (x, y), upon what is there."""
        (x, y), (rx, ry) = center, radii
        height, width = self.index.shape
        left, right = max(int(x - rx), 0), min(int(x + rx) + 1, width)
        top, bottom = max(int(y - ry), 0), min(int(y + ry) + 1, height)
        if left >= right or top >= bottom:
            return
        rows, columns = np.ogrid[top:bottom, left:right]
        distance = ((columns - x) / rx) ** 2 + ((rows - y) / max(ry, 0.5)) ** 2
        gain = np.clip(factor + distance**2 * (1 - factor), 0, 1)[..., None]  # (h, w, 1)
        self.image[top:bottom, left:right] = self.image[top:bottom, left:right] * gain

    def _paint(self, points: list[np.ndarray], color: Sequence[float]) -> None:
        cv2.fillPoly(self.image, points, color, cv2.LINE_AA, _SUBPIXEL_BITS)


@dataclass(frozen=True)
class Pen:
    """Draws one thing in its own metres: x to its front, y up, from its foot.

    Attributes:
        canvas: what is drawn on.
        foot: (x, y) in pixels, where the thing stands.
        scale: pixels per metre.
        facing: 1, or -1 to mirror.
        index: what the thing's pixels are marked as.
        depth: distance in metres.
    """

    canvas: Canvas
    foot: tuple[float, float]
    scale: float
    facing: int
    index: int
    depth: float

    def fill(self, color: Color, *polygons: Polygon) -> None:
        """Paint and mark a part of the outline."""
        self.canvas.fill(self._pixels(polygons), color, index=self.index, depth=self.depth)

    def stuff(self, color: Color, *polygons: Polygon, label: str) -> None:
        """Paint a part that is no part of the thing itself, such as a sign's pole."""
        self.canvas.fill(self._pixels(polygons), color, index=LABELS[label], depth=self.depth)

    def detail(self, color: Color, *polygons: Polygon) -> None:
        """Paint within the outline."""
        self.canvas.detail(self._pixels(polygons), color, depth=self.depth)

    def glow(self, color: Color, *polygons: Polygon) -> None:
        """Paint a lamp within the outline."""
        self.canvas.glow(self._pixels(polygons), color)

    def shadow(self, half_width: float) -> None:
        """Lay the thing's shadow on the ground about its foot."""
        radii = (half_width * self.scale, max(half_width * self.scale * 0.16, 1.5))
        self.canvas.darken(self.foot, radii, factor=0.75 - 0.4 * self.canvas.light.sun)

    def _pixels(self, polygons: Sequence[Polygon]) -> list[np.ndarray]:
        step = np.array([self.facing * self.scale, -self.scale])
        return [np.asarray(polygon) * step + self.foot for polygon in polygons]


Draw = Callable[[Pen, np.random.Generator], None]


def tint(color: Color, amount: float) -> Color:
    """Lighten a colour by `amount` in (0, 1), or darken it by -`amount`."""
    target, weight = (255, amount) if amount > 0 else (0, -amount)
    red, green, blue = (round(c + (target - c) * weight) for c in color)
    return red, green, blue


def choose(rng: np.random.Generator, palette: Sequence[Color], *, jitter: int = 14) -> Color:
    """Draw a colour and move it a little."""
    color = palette[int(rng.integers(len(palette)))]
    offsets = rng.integers(-jitter, jitter + 1, 3).tolist()
    red, green, blue = (min(max(c + offset, 0), 255) for c, offset in zip(color, offsets, strict=True))
    return red, green, blue


def disc(x: float, y: float, radius: float, *, squash: float = 1.0) -> np.ndarray:
    """Return a circle as a polygon; `squash` is its height over its width."""
    return _CIRCLE * (radius, radius * squash) + (x, y)


def box(left: float, bottom: float, right: float, top: float) -> Polygon:
    """Return an upright rectangle."""
    return ((left, bottom), (right, bottom), (right, top), (left, top))


def bar(start: tuple[float, float], end: tuple[float, float], width: float) -> Polygon:
    """Return a straight line of some width as a polygon."""
    (x0, y0), (x1, y1) = start, end
    across = width / 2 / max(math.hypot(x1 - x0, y1 - y0), 1e-6)
    dx, dy = (y0 - y1) * across, (x1 - x0) * across
    return ((x0 + dx, y0 + dy), (x1 + dx, y1 + dy), (x1 - dx, y1 - dy), (x0 - dx, y0 - dy))


_ANGLES = np.linspace(0, 2 * np.pi, 20, endpoint=False)
_CIRCLE = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)  # (20, 2)


def _fixed(polygons: Polygons) -> list[np.ndarray]:
    if isinstance(polygons, np.ndarray):
        return list(np.rint(polygons * (1 << _SUBPIXEL_BITS)).astype(np.int32))
    return [np.rint(np.asarray(polygon) * (1 << _SUBPIXEL_BITS)).astype(np.int32) for polygon in polygons]
