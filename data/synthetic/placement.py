"""Which things a synthetic scene holds, how large they are, and where they stand."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.synthetic import furniture, traffic
from data.synthetic.canvas import FIRST_OBJECT, LABELS, Camera, Draw
from data.synthetic.street import Street

EMPTY_SHARE, CROWD_SHARE = 0.03, 0.06


@dataclass(frozen=True)
class Actor:
    """A thing that is annotated with a box.

    Attributes:
        category: COCO name.
        label: Cityscapes name.
        draw: what draws it.
        width: of the annotated part, in metres.
        height: of the annotated part, in metres.
        top: highest point above the ground, in metres.
        place: where it stands: road, walk or kerb.
        share: how often it is drawn, relative to the others.
    """

    category: str
    label: str
    draw: Draw
    width: float
    height: float
    top: float
    place: str
    share: float


ACTORS = (
    Actor("person", "person", traffic.person, 0.9, 1.75, 1.75, "walk", 5.0),
    Actor("bicycle", "bicycle", traffic.bicycle, 1.78, 1.1, 1.1, "walk", 2.8),
    Actor("car", "car", traffic.car_side, 4.3, 1.5, 1.5, "road", 2.2),
    Actor("car", "car", traffic.car_end, 1.8, 1.5, 1.5, "road", 3.0),
    Actor("bus", "bus", traffic.bus_side, 7.6, 3.0, 3.0, "road", 1.2),
    Actor("bus", "bus", traffic.bus_end, 2.5, 3.1, 3.1, "road", 1.6),
    Actor("traffic light", "traffic light", furniture.traffic_light, 0.62, 1.5, 3.15, "kerb", 2.8),
    Actor("stop sign", "traffic sign", furniture.stop_sign, 1.0, 1.0, 2.85, "kerb", 2.6),
)
CROWD = Actor("person", "person", traffic.crowd, 6.0, 1.7, 1.7, "walk", 0.0)
PROPS: tuple[tuple[Draw, str, float], ...] = (  # what draws it, its Cityscapes label, its share
    (furniture.tree, "vegetation", 3.0),
    (furniture.hedge, "vegetation", 1.5),
    (furniture.street_lamp, "pole", 2.5),
    (furniture.other_sign, "traffic sign", 1.2),
    (furniture.bin_, "static", 0.8),
)


@dataclass(frozen=True)
class Placed:
    """Something that is about to be drawn.

    Attributes:
        draw: what draws it.
        x: column of its foot in pixels.
        scale: pixels per metre.
        index: what its pixels are marked as: a label, or from FIRST_OBJECT on an object's number.
    """

    draw: Draw
    x: float
    scale: float
    index: int


def choose_actors(rng: np.random.Generator) -> tuple[Actor, ...]:
    """Choose the objects of a scene."""
    if rng.random() < EMPTY_SHARE:
        return ()
    shares = np.array([actor.share for actor in ACTORS])
    count = int(rng.integers(2, 8))
    chosen = tuple(ACTORS[k] for k in rng.choice(len(ACTORS), count, p=shares / shares.sum()))
    return (*chosen, CROWD) if rng.random() < CROWD_SHARE else chosen


def place_actors(actors: Sequence[Actor], camera: Camera, street: Street, *, rng: np.random.Generator) -> list[Placed]:
    """Choose the size and the place of each object, so that none hides most of another; no room, no object."""
    placed: list[Placed] = []
    taken: list[tuple[float, float, float, float]] = []
    for number, actor in enumerate(actors, FIRST_OBJECT):
        for _ in range(12):
            scale = _draw_scale(actor, camera, rng)
            x = _draw_column(actor, camera, street, scale=scale, rng=rng)
            top = camera.horizon - (actor.top - camera.eye) * scale
            half = actor.width * scale / 2
            here = (x - half, top, x + half, top + actor.height * scale)
            if all(_overlap(here, other) < 0.4 for other in taken):
                placed.append(Placed(actor.draw, x, scale, number))
                taken.append(here)
                break
    return placed


def place_props(camera: Camera, street: Street, rng: np.random.Generator) -> list[Placed]:
    """Choose the trees, lamps and other things along both sidewalks."""
    shares = np.array([share for _, _, share in PROPS])
    placed = []
    for kind in rng.choice(len(PROPS), int(rng.integers(3, 9)), p=shares / shares.sum()):
        draw, label, _ = PROPS[kind]
        side, scale = int(rng.integers(2)), camera.focal / rng.uniform(5, 26)
        across = street.road[side] + (street.walls[side] - street.road[side]) * rng.uniform(0.2, 0.8)
        placed.append(Placed(draw, camera.center + across * scale, scale, LABELS[label]))
    return placed


def _draw_scale(actor: Actor, camera: Camera, rng: np.random.Generator) -> float:
    """Choose pixels per metre, so that sizes spread alike for all kinds of objects."""
    height, _ = camera.size
    if actor is CROWD:
        return height * rng.uniform(0.03, 0.05)
    share = float(np.clip(rng.lognormal(np.log(0.23), 0.42), 0.05, 0.5))  # of the shorter side
    scale = share * min(camera.size) / np.sqrt(actor.width * actor.height)
    lowest = (height - camera.horizon) / camera.eye  # the foot stays in the image
    highest = camera.horizon / max(actor.top - camera.eye, 0.01)  # and so does the top
    return float(min(scale, lowest, highest))


def _draw_column(actor: Actor, camera: Camera, street: Street, *, scale: float, rng: np.random.Generator) -> float:
    """Choose the column that something stands on; most of it lies within the image."""
    _, width = camera.size
    (left, right), half = street.road, actor.width / 2
    zones = {
        "road": ((left + half, right - half),),
        "walk": ((street.walls[0] + half, left), (right, street.walls[1] - half), (left, right)),
        "kerb": ((left - 0.6, left - 0.4), (right + 0.4, right + 0.6)),
    }[actor.place]
    low, high = zones[int(rng.integers(len(zones)))]
    x = camera.center + rng.uniform(min(low, high), max(low, high)) * scale
    margin = half * scale * 0.5
    if not margin <= x <= width - margin:
        x = rng.uniform(min(margin, width / 2), max(width - margin, width / 2))
    return float(x)


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Return how much of the smaller of two boxes, xyxy, lies in the other."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return max(width, 0) * max(height, 0) / smaller
