"""The street that a synthetic scene plays in: sky, skyline, road, sidewalks and two rows of houses."""

import itertools
from dataclasses import dataclass

import cv2
import numpy as np

from data.classes import Color
from data.synthetic.canvas import LABELS, Camera, Canvas, choose, disc, tint

WALLS: tuple[Color, ...] = (
    (190, 120, 95), (205, 185, 150), (150, 150, 155), (170, 95, 80), (220, 205, 180), (125, 135, 145), (185, 160, 120),
)  # fmt: skip
PAVINGS: tuple[Color, ...] = ((176, 168, 160), (160, 158, 160), (185, 170, 150))
ASPHALTS: tuple[Color, ...] = ((92, 92, 96), (108, 106, 104), (80, 82, 88))
GLASS: Color = (80, 100, 120)
LIT: Color = (255, 215, 130)
FAR, NEAR = 70.0, 1.0  # metres ahead between which the street is drawn


@dataclass(frozen=True)
class Street:
    """Where things are across the street, in metres to the right of the camera.

    Attributes:
        road: the left and the right kerb.
        walls: the left and the right row of houses.
    """

    road: tuple[float, float]
    walls: tuple[float, float]


def draw_sky(canvas: Canvas, camera: Camera, rng: np.random.Generator) -> None:
    """Paint a gradient, a few clouds and a far skyline down to the horizon."""
    height, width = camera.size
    down = np.clip(np.arange(height) / camera.horizon, 0, 1)[:, None]  # (H, 1)
    rows = np.asarray(canvas.light.zenith) * (1 - down) + np.asarray(canvas.light.haze) * down  # (H, 3)
    canvas.image[:] = np.repeat(rows[:, None].astype(np.uint8), width, axis=1)
    canvas.index[:] = LABELS["sky"]
    cloud = tint(canvas.light.haze, 0.35)
    for x, y, size in rng.uniform((0, 0.05, 0.02), (1, 0.6, 0.06), (int(rng.integers(0, 4)), 3)).tolist():
        radius = size * width
        puffs = [disc(x * width + k * radius, y * camera.horizon, radius * (1.5 - abs(k) / 2), squash=0.45)
                 for k in (-1.6, 0, 1.5)]  # fmt: skip
        for puff in puffs:
            canvas.glow([puff], cloud)
    edges = np.cumsum(rng.uniform(0.04, 0.14, 26)) - 0.1
    for left, right in itertools.pairwise(edges):
        if left > 1:
            break
        top = camera.horizon - rng.uniform(0.03, 0.2) * height
        tower = [(left * width, top), (right * width, top), (right * width, height), (left * width, height)]
        canvas.fill([tower], choose(rng, WALLS), index=LABELS["building"], depth=FAR)


def draw_ground(canvas: Canvas, camera: Camera, street: Street, *, rng: np.random.Generator) -> None:
    """Paint the sidewalks, the road between them with its marks, and the light that lies on them."""
    pavement, asphalt = choose(rng, PAVINGS, jitter=5), choose(rng, ASPHALTS, jitter=3)
    stone = tint(pavement, 0.3)
    left, right = street.road
    canvas.fill([_strip(camera, -900, 900)], pavement, index=LABELS["sidewalk"])
    joints = np.geomspace(NEAR * 1.5, 18, 9)
    for wall, kerb in zip(street.walls, street.road, strict=True):
        lines = [[(wall, 0, z), (kerb, 0, z), (kerb, 0, z * 1.02), (wall, 0, z * 1.02)] for z in joints]
        canvas.detail(camera.project(lines), tint(pavement, -0.2))
    canvas.fill([_strip(camera, left, right)], asphalt, index=LABELS["road"])
    for kerb, outside in ((left, -0.22), (right, 0.22)):
        canvas.fill([_strip(camera, kerb, kerb + outside)], stone, index=LABELS["sidewalk"])
    _draw_marks(canvas, camera, street, rng=rng)
    _light_ground(canvas, camera, street, rng=rng)


def draw_houses(canvas: Canvas, camera: Camera, street: Street, *, rng: np.random.Generator) -> None:
    """Paint both rows of houses from far to near, with gaps."""
    for side, wall in zip((-1, 1), street.walls, strict=True):
        corners = np.cumsum(np.concatenate([[rng.uniform(0.5, 3)], rng.uniform(5, 13, 6)]))
        for near, far in zip(corners[-2::-1], corners[:0:-1], strict=True):
            if rng.random() < 0.85:
                _draw_house(canvas, camera, (side, wall, float(near), float(far)), rng=rng)


def _draw_house(
    canvas: Canvas, camera: Camera, where: tuple[int, float, float, float], *, rng: np.random.Generator
) -> None:
    """Paint a house; `where` is its side (-1 or 1), and its wall, near end and far end in metres."""
    side, wall, near, far = where
    paint, floors = choose(rng, WALLS), int(rng.integers(2, 6))
    top, depth = floors * 3.0 + 0.8, (near + far) / 2
    close, out = max(near, NEAR), wall + 30 * side
    parts = camera.project(
        [
            [(wall, 0, near), (out, 0, near), (out, top, near), (wall, top, near)],  # the gable, towards the camera
            [(wall, 0, close), (wall, 0, far), (wall, top, far), (wall, top, close)],  # the front, along the street
            [(wall, top - 0.5, close), (wall, top - 0.5, far), (wall, top, far), (wall, top, close)],  # the eaves
            [(wall, 0, close), (wall, 0, far), (wall, 0.5, far), (wall, 0.5, close)],  # the plinth
        ]
    )  # (4, 4, 2)
    canvas.fill(parts[:1], tint(paint, -0.25), index=LABELS["building"], depth=depth)
    canvas.fill(parts[1:2], paint, index=LABELS["building"], depth=depth)
    canvas.detail(parts[2:], tint(paint, -0.3), depth=depth)
    windows = _windows(camera, wall, (close, far), floors=floors)
    lit = rng.random(len(windows)) < canvas.light.lit
    canvas.detail(windows[~lit], GLASS, depth=depth)
    canvas.glow(windows[lit], LIT)


def _windows(camera: Camera, wall: float, span: tuple[float, float], *, floors: int) -> np.ndarray:
    """Return (n, 4, 2) windows in pixels: those wide enough to see, and within the image."""
    near, far = span
    columns = np.arange(near + 1.2, far - 0.8, 2.2)
    rows = np.arange(floors) * 3.0 + 1.7
    z, y = (grid.ravel() for grid in np.meshgrid(columns, rows))
    corners = np.empty((len(z), 4, 3))
    corners[..., 0] = wall
    corners[..., 1] = y[:, None] + (-0.8, -0.8, 0.85, 0.85)
    corners[..., 2] = z[:, None] + (-0.6, 0.6, 0.6, -0.6)
    windows = camera.project(corners)  # (n, 4, 2)
    height, width = camera.size
    inside = (windows.max(axis=1) > 0).all(axis=1) & (windows.min(axis=1) < (width, height)).all(axis=1)
    wide = np.ptp(windows[..., 0], axis=1) > 2
    return windows[inside & wide]


def _draw_marks(canvas: Canvas, camera: Camera, street: Street, *, rng: np.random.Generator) -> None:
    """Paint dashes along the middle of the road, edge lines, and sometimes a zebra crossing."""
    left, right = street.road
    white, middle = (225, 225, 220), (left + right) / 2
    dashes = [
        _rectangle(middle - 0.08, middle + 0.08, z, z + 1.6)
        for z in np.arange(NEAR + rng.uniform(0, 2), 40, 4).tolist()
    ]
    edges = [_rectangle(x, x + 0.1, NEAR, FAR) for x in (left + 0.25, right - 0.35)]
    canvas.detail(camera.project(dashes + edges), white)
    if rng.random() < 0.35:
        near = rng.uniform(4, 11)
        stripes = [_rectangle(x, x + 0.45, near, near + 2.5) for x in np.arange(left + 0.5, right - 0.7, 0.9).tolist()]
        canvas.detail(camera.project(stripes), white)


def _light_ground(canvas: Canvas, camera: Camera, street: Street, *, rng: np.random.Generator) -> None:
    """Lay stains, the houses' shadow and the haze of the distance upon the ground."""
    height, width = camera.size
    start = int(np.ceil(camera.horizon))
    ground = canvas.image[start:]
    gain = cv2.resize(rng.uniform(0.88, 1.1, (9, 14)).astype(np.float32), (width, height - start))
    if canvas.light.sun > 0.2:
        side = int(rng.integers(2))
        reach = street.walls[side] + (street.walls[1 - side] - street.walls[side]) * rng.uniform(0.2, 0.65)
        shadow = _strip(camera, street.walls[side] * 50, reach) - (0, start)
        dark = np.zeros(gain.shape, np.uint8)
        cv2.fillPoly(dark, [np.rint(shadow).astype(np.int32)], 255)
        gain = gain * (1 - cv2.blur(dark, (3, 3)) * np.float32(canvas.light.sun * 0.45 / 255))
    rows = np.arange(start, height, dtype=np.float32) - camera.horizon + 0.5
    clear = np.exp(-canvas.light.density * camera.eye * camera.focal / rows)[:, None]  # (h, 1)
    haze = np.asarray(canvas.light.haze, np.float32) * (1 - clear)  # (h, 3)
    scaled = cv2.multiply(ground, cv2.cvtColor(gain * clear, cv2.COLOR_GRAY2RGB), dtype=cv2.CV_8U)
    ground[:] = cv2.add(scaled, np.repeat(haze[:, None].astype(np.uint8), width, axis=1))


def _strip(camera: Camera, left: float, right: float) -> np.ndarray:
    """Return the ground between two lines along the street as (4, 2) pixels."""
    return camera.project(_rectangle(left, right, NEAR * 0.5, 2000))


def _rectangle(left: float, right: float, near: float, far: float) -> list[tuple[float, float, float]]:
    return [(left, 0, near), (right, 0, near), (right, 0, far), (left, 0, far)]
