"""The moving things of a street, each drawn in its own metres by a pen that stands at its foot."""

import numpy as np

from data.classes import Color
from data.synthetic.canvas import Pen, Polygon, bar, box, choose, disc, tint

PAINTS: tuple[Color, ...] = (
    (200, 30, 35), (35, 80, 190), (235, 235, 235), (45, 48, 55), (160, 165, 170), (30, 120, 90), (225, 170, 40),
)  # fmt: skip
BUS_PAINTS: tuple[Color, ...] = ((240, 190, 30), (215, 60, 40), (60, 150, 80), (240, 130, 40))
CLOTHES: tuple[Color, ...] = (
    (220, 60, 60), (60, 110, 210), (240, 200, 60), (70, 160, 90), (240, 240, 240), (150, 80, 170), (240, 140, 60),
)  # fmt: skip
TROUSERS: tuple[Color, ...] = ((40, 50, 90), (60, 60, 65), (120, 100, 75), (30, 35, 45))
SKINS: tuple[Color, ...] = ((245, 205, 170), (225, 175, 135), (170, 115, 80), (110, 75, 55))
HAIRS: tuple[Color, ...] = ((40, 30, 25), (110, 70, 35), (200, 165, 90), (150, 150, 150))
GLASS: Color = (70, 95, 115)
TYRE: Color = (28, 28, 30)


def car_side(pen: Pen, rng: np.random.Generator) -> None:
    """Draw a car from its side, 4.3 m x 1.5 m."""
    paint = choose(rng, PAINTS)
    front, rear = rng.uniform(0.85, 1.15), -rng.uniform(1.2, 1.95)  # the feet of the windscreen and of the rear window
    roof = ((rear + 0.25, 1.5), (front - 0.75, 1.5))
    pen.shadow(2.4)
    pen.fill(paint, ((-2.15, 0.3), (2.15, 0.3), (2.15, 0.68), (1.95, 0.85), (front, 0.95), *roof[::-1], (rear, 0.95),
                     (-2.05, 0.9), (-2.15, 0.7)))  # fmt: skip
    pen.detail(tint(paint, -0.35), box(-2.15, 0.3, 2.15, 0.42))
    pen.detail(tint(paint, 0.3), box(-2.1, 0.84, front, 0.9))
    middle = (front + rear) / 2 - 0.1
    pen.detail(
        GLASS,
        ((rear + 0.18, 0.96), (middle - 0.05, 0.96), (middle - 0.05, 1.4), (rear + 0.36, 1.4)),
        ((middle + 0.05, 0.96), (front - 0.2, 0.96), (front - 0.82, 1.4), (middle + 0.05, 1.4)),
    )
    pen.detail(tint(paint, -0.3), box(middle - 0.02, 0.42, middle + 0.02, 0.92))
    lamps = box(1.93, 0.62, 2.13, 0.76), box(-2.13, 0.66, -1.96, 0.84)
    _lamp(pen, rng, (255, 245, 200), lamps[0])
    _lamp(pen, rng, (215, 25, 25), lamps[1])
    for x in (-1.3, 1.3):
        pen.fill(TYRE, disc(x, 0.34, 0.36))
        pen.detail((185, 187, 190), disc(x, 0.34, 0.2))


def car_end(pen: Pen, rng: np.random.Generator) -> None:
    """Draw a car from behind or from the front, 1.8 m x 1.5 m."""
    paint, rear = choose(rng, PAINTS), rng.random() < 0.6
    pen.shadow(1.1)
    pen.fill(TYRE, box(-0.85, 0, -0.55, 0.4), box(0.55, 0, 0.85, 0.4))
    pen.fill(paint, ((-0.88, 0.22), (0.88, 0.22), (0.9, 0.75), (0.82, 0.95), (0.6, 1.46), (0.5, 1.5), (-0.5, 1.5),
                     (-0.6, 1.46), (-0.82, 0.95), (-0.9, 0.75)))  # fmt: skip
    pen.detail(GLASS, ((-0.68, 0.96), (0.68, 0.96), (0.52, 1.4), (-0.52, 1.4)))
    pen.detail(tint(GLASS, 0.35), ((-0.5, 0.98), (-0.3, 0.98), (-0.15, 1.38), (-0.35, 1.38)))
    pen.detail(tint(paint, -0.4), box(-0.88, 0.22, 0.88, 0.42))
    if rear:
        _lamp(pen, rng, (225, 20, 25), box(-0.86, 0.66, -0.52, 0.88), box(0.52, 0.66, 0.86, 0.88))
    else:
        pen.detail((30, 32, 35), box(-0.45, 0.48, 0.45, 0.68))
        _lamp(pen, rng, (255, 248, 215), disc(-0.65, 0.7, 0.17), disc(0.65, 0.7, 0.17))
    pen.detail((245, 245, 235), box(-0.27, 0.44, 0.27, 0.58))


def bus_side(pen: Pen, rng: np.random.Generator) -> None:
    """Draw a bus from its side, 7.6 m x 3.0 m."""
    paint = choose(rng, BUS_PAINTS)
    pen.shadow(4.0)
    pen.fill(paint, ((-3.8, 0.35), (3.75, 0.35), (3.8, 1.2), (3.65, 2.9), (3.5, 3.0), (-3.7, 3.0), (-3.8, 2.85)))
    pen.detail(tint(paint, -0.4), box(-3.8, 0.35, 3.76, 0.6))
    pen.detail((245, 245, 245), box(-3.78, 1.15, 3.78, 1.32))
    glass = (255, 225, 150) if rng.random() < pen.canvas.light.lit else GLASS
    windows = [box(x, 1.5, x + 0.95, 2.6) for x in np.arange(-3.55, 1.6, 1.1).tolist()]
    (pen.glow if glass != GLASS else pen.detail)(glass, *windows)
    pen.detail(tint(GLASS, -0.25), box(2.05, 0.55, 2.95, 2.6), box(3.15, 1.4, 3.66, 2.6))
    pen.detail(paint, box(2.47, 0.55, 2.53, 2.6))
    _lamp(pen, rng, (255, 245, 200), box(3.5, 0.7, 3.74, 0.95))
    for x in (-2.3, 1.3):
        pen.fill(TYRE, disc(x, 0.48, 0.5))
        pen.detail((175, 177, 180), disc(x, 0.48, 0.26))


def bus_end(pen: Pen, rng: np.random.Generator) -> None:
    """Draw a bus from the front, 2.5 m x 3.1 m."""
    paint = choose(rng, BUS_PAINTS)
    pen.shadow(1.5)
    pen.fill(TYRE, box(-1.15, 0, -0.75, 0.5), box(0.75, 0, 1.15, 0.5))
    pen.fill(paint, ((-1.22, 0.28), (1.22, 0.28), (1.25, 2.95), (1.1, 3.1), (-1.1, 3.1), (-1.25, 2.95)))
    pen.detail(tint(GLASS, -0.1), ((-1.1, 1.3), (1.1, 1.3), (1.05, 2.5), (-1.05, 2.5)))
    pen.detail(tint(GLASS, 0.35), ((-0.8, 1.34), (-0.4, 1.34), (-0.1, 2.46), (-0.5, 2.46)))
    pen.detail((25, 25, 25), box(-0.95, 2.6, 0.95, 2.95))
    pen.glow((255, 170, 40), *(box(x, 2.68, x + 0.2, 2.87) for x in np.arange(-0.7, 0.6, 0.3).tolist()))
    pen.detail((245, 245, 245), box(-1.23, 1.02, 1.23, 1.18))
    pen.detail(tint(paint, -0.45), box(-1.22, 0.28, 1.22, 0.5))
    _lamp(pen, rng, (255, 248, 215), disc(-0.85, 0.75, 0.18), disc(0.85, 0.75, 0.18))


def person(pen: Pen, rng: np.random.Generator) -> None:
    """Draw someone who stands or walks, 0.7 m x 1.75 m."""
    shirt, trousers, skin = choose(rng, CLOTHES), choose(rng, TROUSERS), choose(rng, SKINS, jitter=6)
    stride, swing = rng.uniform(0.05, 0.32), rng.uniform(0.05, 0.28)
    pen.shadow(0.45)
    for side in (-1, 1):
        pen.fill(tint(trousers, -0.12 * side - 0.12), bar((0.09 * side, 0.85), (stride * side, 0.06), 0.2))
        pen.fill(TYRE, box(stride * side - 0.1, 0, stride * side + 0.17, 0.1))
    pen.fill(tint(shirt, -0.3), bar((-0.2, 1.38), (-0.24 - swing, 0.85), 0.15))
    pen.fill(shirt, ((-0.2, 0.78), (0.2, 0.78), (0.27, 1.36), (0.16, 1.46), (-0.16, 1.46), (-0.27, 1.36)))
    pen.fill(tint(shirt, -0.18), bar((0.2, 1.38), (0.24 + swing, 0.85), 0.15))
    pen.fill(skin, disc(-0.25 - swing, 0.82, 0.08), disc(0.25 + swing, 0.82, 0.08))
    pen.fill(choose(rng, HAIRS), disc(0, 1.61, 0.16))
    pen.detail(skin, disc(0.03, 1.57, 0.115))
    if rng.random() < 0.35:
        pen.fill(choose(rng, CLOTHES), box(-0.42, 0.95, -0.16, 1.4))


def crowd(pen: Pen, rng: np.random.Generator) -> None:
    """Draw a group of people too far off to tell apart, about 6 m x 1.8 m."""
    pen.shadow(3.0)
    for x in rng.permutation(np.linspace(-2.8, 2.8, 14)):
        shirt, height = choose(rng, CLOTHES), rng.uniform(1.25, 1.5)
        pen.fill(choose(rng, TROUSERS), box(x - 0.2, 0, x + 0.2, 0.8))
        pen.fill(shirt, box(x - 0.27, 0.75, x + 0.27, height))
        pen.fill(choose(rng, SKINS), disc(x, height + 0.13, 0.17))


def bicycle(pen: Pen, rng: np.random.Generator) -> None:
    """Draw a bicycle from its side, 1.8 m x 1.1 m."""
    paint = choose(rng, (*CLOTHES[:4], (30, 190, 200), (230, 60, 150)))
    pen.shadow(0.95)
    for x in (-0.52, 0.52):
        pen.fill(TYRE, disc(x, 0.36, 0.37))
        pen.detail((205, 208, 210), disc(x, 0.36, 0.27))
        pen.detail((90, 90, 95), *(bar((x, 0.36), (x + 0.27 * c, 0.36 + 0.27 * s), 0.035) for c, s in _SPOKES))
    rear, pedals, saddle, head, front = (-0.52, 0.36), (0, 0.34), (-0.2, 0.85), (0.38, 0.85), (0.52, 0.36)
    tubes = (rear, saddle), (rear, pedals), (pedals, saddle), (pedals, head), (saddle, head), (front, head)
    pen.fill(paint, *(bar(start, end, 0.11) for start, end in tubes))
    pen.fill(TYRE, box(-0.38, 0.86, -0.06, 0.98), bar((0.34, 0.95), (0.3, 1.08), 0.1), box(0.22, 1.0, 0.5, 1.1))
    pen.detail((60, 60, 65), disc(0, 0.34, 0.12))


def _lamp(pen: Pen, rng: np.random.Generator, color: Color, *polygons: Polygon) -> None:
    if rng.random() < pen.canvas.light.lit * 1.5:
        pen.glow(color, *polygons)
    else:
        pen.detail(tint(color, -0.08), *polygons)


_SPOKES = tuple((np.cos(a), np.sin(a)) for a in np.linspace(0.3, 0.3 + 2 * np.pi, 6, endpoint=False))
