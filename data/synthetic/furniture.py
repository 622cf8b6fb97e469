"""The standing things of a street, each drawn in its own metres by a pen that stands at its foot."""

from dataclasses import replace

import numpy as np

from data.classes import Color
from data.synthetic.canvas import Pen, bar, box, choose, disc, tint

LEAVES: tuple[Color, ...] = ((60, 125, 50), (85, 145, 55), (45, 105, 60), (120, 140, 50))
STEEL: Color = (120, 122, 125)


def traffic_light(pen: Pen, rng: np.random.Generator) -> None:
    """Draw a traffic light, 0.62 m x 1.5 m, on a pole."""
    _pole(pen, 1.75, (70, 74, 76))
    pen.fill((235, 190, 40), box(-0.31, 1.65, 0.31, 3.15))
    pen.detail((22, 24, 26), box(-0.25, 1.71, 0.25, 3.09))
    lamps: tuple[Color, ...] = ((255, 50, 40), (255, 190, 40), (60, 240, 120))
    burning = int(rng.choice(3, p=(0.45, 0.15, 0.4)))
    for slot, color in enumerate(lamps):
        lamp = disc(0, 2.86 - 0.46 * slot, 0.19)
        if slot == burning:
            pen.glow(color, lamp)
        else:
            pen.detail(tint(color, -0.72), lamp)


def stop_sign(pen: Pen, rng: np.random.Generator) -> None:
    """Draw a stop sign, 1.0 m across, on a pole."""
    pen = replace(pen, facing=1)  # letters are never mirrored
    _pole(pen, 2.0, STEEL)
    red = choose(rng, ((205, 20, 30),), jitter=10)
    pen.fill((245, 245, 245), _octagon(0.5))
    pen.detail(red, _octagon(0.44))
    starts = (-0.35, -0.165, 0.02, 0.205)
    pen.detail((250, 250, 250), *(box(x, 2.21, x + 0.145, 2.49) for x in starts))
    for x, cuts in zip(starts, _STOP_CUTS, strict=True):
        pen.detail(red, *(box(x + left, 2.21 + low, x + right, 2.21 + high) for left, low, right, high in cuts))


def other_sign(pen: Pen, rng: np.random.Generator) -> None:
    """Draw a traffic sign that is not a stop sign: blue and round, or a yellow diamond."""
    _pole(pen, 2.0, STEEL)
    if rng.random() < 0.5:
        pen.fill((245, 245, 245), disc(0, 2.3, 0.46))
        pen.detail((30, 90, 190), disc(0, 2.3, 0.41))
        pen.detail((245, 245, 245), bar((0, 2.02), (0, 2.4), 0.12), ((-0.2, 2.36), (0.2, 2.36), (0, 2.58)))
    else:
        pen.fill((245, 245, 240), ((0, 1.75), (0.55, 2.3), (0, 2.85), (-0.55, 2.3)))
        pen.detail((250, 200, 30), ((0, 1.87), (0.43, 2.3), (0, 2.73), (-0.43, 2.3)))
        pen.detail((30, 30, 30), bar((0, 2.15), (0, 2.55), 0.1), disc(0, 2.03, 0.06))


def street_lamp(pen: Pen, rng: np.random.Generator) -> None:
    """Draw a street lamp of 5 m to 6 m."""
    top = rng.uniform(5, 6)
    _pole(pen, top, (95, 98, 102))
    thick = _pole_width(pen)
    pen.fill((95, 98, 102), bar((0, top), (1.0, top + 0.15), thick), box(0.75, top, 1.5, top + 0.28))
    if rng.random() < pen.canvas.light.lit * 1.6:
        pen.glow((255, 240, 190), box(0.82, top + 0.02, 1.43, top + 0.16))


def tree(pen: Pen, rng: np.random.Generator) -> None:
    """Draw a tree of 4 m to 6 m."""
    leaf, trunk, radius = choose(rng, LEAVES), rng.uniform(1.5, 2.1), rng.uniform(0.9, 1.4)
    pen.shadow(radius)
    pen.fill((95, 70, 50), ((-0.2, 0), (0.2, 0), (0.13, trunk + 0.5), (-0.13, trunk + 0.5)))
    blobs = rng.uniform((-0.75, 0.1, 0.5), (0.75, 1.5, 0.75), (8, 3)) * radius  # (8, 3): x, y, radius
    for position, (x, y, size) in enumerate(sorted(blobs.tolist(), key=lambda blob: blob[1])):
        pen.fill(tint(leaf, -0.32 + 0.07 * position), disc(x, trunk + y, size))
    pen.detail(tint(leaf, 0.25), *(disc(x, trunk + y + size * 0.4, size * 0.22) for x, y, size in blobs[:3].tolist()))


def hedge(pen: Pen, rng: np.random.Generator) -> None:
    """Draw a row of bushes, about 3 m x 1 m."""
    leaf = choose(rng, LEAVES)
    pen.shadow(1.5)
    for x in np.linspace(-1.2, 1.2, 5):
        radius = rng.uniform(0.38, 0.55)
        pen.fill(tint(leaf, rng.uniform(-0.35, 0.0)), disc(x, radius * 0.9, radius))
        pen.detail(tint(leaf, 0.15), disc(x + 0.08, radius * 1.2, radius * 0.4))


def bin_(pen: Pen, rng: np.random.Generator) -> None:
    """Draw a litter bin, 0.6 m x 1.0 m."""
    paint = choose(rng, ((60, 95, 70), (90, 90, 95), (130, 80, 50)))
    pen.shadow(0.45)
    pen.fill(paint, ((-0.25, 0), (0.25, 0), (0.3, 0.85), (-0.3, 0.85)), box(-0.34, 0.86, 0.34, 1.0))
    pen.detail(tint(paint, -0.4), box(-0.13, 0.1, -0.07, 0.8), box(0.07, 0.1, 0.13, 0.8))


def _pole_width(pen: Pen) -> float:
    """Return a pole's width in metres: never too thin to see."""
    return max(0.16, 0.021 * min(pen.canvas.index.shape) / pen.scale)


def _pole(pen: Pen, top: float, color: Color) -> None:
    half = _pole_width(pen) / 2
    if pen.canvas.on(pen.foot, label="road"):
        pen.stuff((170, 165, 160), disc(0, 0, 0.75, squash=0.22), label="sidewalk")
    pen.shadow(0.35)
    pen.stuff(color, box(-half, 0, half, top), label="pole")
    pen.detail(tint(color, 0.3), box(-half * 0.6, 0, -half * 0.1, top))


def _octagon(radius: float) -> np.ndarray:
    angles = np.deg2rad(np.arange(22.5, 360, 45))
    return np.stack([np.cos(angles), np.sin(angles)], axis=1) * (radius / np.cos(np.pi / 8)) + (0, 2.35)


_STOP_CUTS = (  # what is cut out of four white blocks, 0.145 m x 0.28 m, to leave the letters S, T, O and P
    ((0.05, 0.16, 0.145, 0.23), (0.0, 0.05, 0.095, 0.12)),
    ((0.0, 0.0, 0.05, 0.22), (0.095, 0.0, 0.145, 0.22)),
    ((0.05, 0.05, 0.095, 0.23),),
    ((0.05, 0.16, 0.095, 0.23), (0.05, 0.0, 0.145, 0.1)),
)
