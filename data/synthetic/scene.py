"""One synthetic street scene: its picture, its exact mask and its exact boxes, a pure function of its numbers."""

from dataclasses import dataclass

import cv2
import numpy as np

from data.synthetic.canvas import FIRST_OBJECT, LABELS, Camera, Canvas, Light, Pen, choose, disc
from data.synthetic.placement import CROWD, Actor, choose_actors, place_actors, place_props
from data.synthetic.street import Street, draw_ground, draw_houses, draw_sky
from data.synthetic.traffic import PAINTS

SPLITS = ("train", "val")
HOOD_SHARE, BORDER_SHARE = 0.25, 0.12
MIN_VISIBLE = 0.25  # an object of whose part within the image less shows gets no box
MIN_AREA = 12  # nor does one of fewer pixels

LIGHTS: tuple[tuple[Light, float], ...] = (  # day, overcast, dusk, night, fog; each with its share
    (Light((1.0, 1.0, 1.0), (90, 150, 225), (205, 225, 240), 0.008, 0.02, 1.0), 0.35),
    (Light((0.88, 0.9, 0.92), (165, 172, 180), (212, 215, 218), 0.012, 0.1, 0.15), 0.2),
    (Light((0.9, 0.74, 0.68), (85, 80, 140), (245, 165, 110), 0.014, 0.35, 0.6), 0.17),
    (Light((0.5, 0.52, 0.66), (12, 16, 38), (48, 52, 80), 0.014, 0.6, 0.0), 0.13),
    (Light((0.85, 0.86, 0.87), (180, 184, 188), (200, 204, 207), 0.045, 0.25, 0.0), 0.15),
)


@dataclass(frozen=True)
class Annotation:
    """An object's box as COCO has it.

    Attributes:
        category: COCO name.
        box_xywh: tight about the visible pixels.
        area: number of visible pixels.
        crowd: whether it is a group.
        number: what marks the object's pixels in `Scene.index`.
    """

    category: str
    box_xywh: tuple[int, int, int, int]
    area: int
    crowd: bool
    number: int


@dataclass(frozen=True)
class Scene:
    """A picture and all that is known of it.

    Attributes:
        image: (H, W, 3) uint8, RGB.
        index: (H, W) uint8, a Cityscapes label id, or from FIRST_OBJECT on the object that a pixel belongs to.
        actors: what each object is; FIRST_OBJECT + k is `actors[k]`.
        annotations: the objects that have a box.
    """

    image: np.ndarray
    index: np.ndarray
    actors: tuple[Actor, ...]
    annotations: tuple[Annotation, ...]

    @property
    def labels(self) -> np.ndarray:
        """(H, W) uint8 Cityscapes label ids."""
        table = np.arange(256, dtype=np.uint8)
        for number, actor in enumerate(self.actors, FIRST_OBJECT):
            table[number] = LABELS[actor.label]
        return table[self.index]


def draw_scene(seed: int, split: str, *, number: int, size: tuple[int, int]) -> Scene:
    """Draw a scene; the same arguments always give the same one.

    Args:
        seed: of the whole set, at least 0.
        split: train or val; the two never share a scene.
        number: of the scene in its split, at least 0.
        size: (height, width) in pixels.

    Returns:
        The scene.
    """
    rng = np.random.default_rng([seed, SPLITS.index(split), number])
    canvas = Canvas(size, _draw_light(rng))
    camera, street = _draw_view(size, rng)
    draw_sky(canvas, camera, rng)
    draw_ground(canvas, camera, street, rng=rng)
    draw_houses(canvas, camera, street, rng=rng)
    actors = choose_actors(rng)
    things = place_actors(actors, camera, street, rng=rng) + place_props(camera, street, rng)
    drawn = {}
    for thing in sorted(things, key=lambda thing: thing.scale):
        foot = (thing.x, camera.horizon + camera.eye * thing.scale)
        facing = -1 if rng.random() < 0.5 else 1
        thing.draw(Pen(canvas, foot, thing.scale, facing, thing.index, camera.focal / thing.scale), rng)
        if thing.index >= FIRST_OBJECT:
            drawn[thing.index] = int(np.count_nonzero(canvas.index == thing.index))
    _draw_frame(canvas, rng)
    annotations = [_annotate(canvas.index, number, actor, drawn=drawn.get(number, 0))
                   for number, actor in enumerate(actors, FIRST_OBJECT)]  # fmt: skip
    return Scene(_expose(canvas.image, rng), canvas.index, actors, tuple(a for a in annotations if a is not None))


def _draw_light(rng: np.random.Generator) -> Light:
    lights, shares = zip(*LIGHTS, strict=True)
    light = lights[int(rng.choice(len(lights), p=shares))]
    gain = rng.uniform(0.9, 1.1)
    red, green, blue = (value * gain * rng.uniform(0.96, 1.04) for value in light.ambient)
    return Light((red, green, blue), light.zenith, light.haze, light.density, light.lit, light.sun)


def _draw_view(size: tuple[int, int], rng: np.random.Generator) -> tuple[Camera, Street]:
    height, width = size
    camera = Camera(size, height * rng.uniform(0.38, 0.5), width * rng.uniform(0.3, 0.7), min(size) * 1.2,
                    rng.uniform(1.25, 1.7))  # fmt: skip
    lanes, at = rng.uniform(5.5, 8), rng.uniform(0.25, 0.75)  # the road's width, and the camera's place on it
    left, right = -lanes * at, lanes * (1 - at)
    return camera, Street((left, right), (left - rng.uniform(1.8, 3.5), right + rng.uniform(1.8, 3.5)))


def _draw_frame(canvas: Canvas, rng: np.random.Generator) -> None:
    """Lay the own car's hood, or a dark border, over some scenes: pixels that evaluation ignores."""
    height, width = canvas.index.shape
    if rng.random() < HOOD_SHARE:
        rise = height * rng.uniform(0.05, 0.1)
        paint = choose(rng, PAINTS)
        hood = disc(width / 2, height, width * 0.52, squash=rise / (width * 0.52))
        canvas.fill([hood], paint, index=LABELS["ego vehicle"])
    if rng.random() < BORDER_SHARE:
        edge = max(2, round(min(height, width) * 0.012))
        inner = np.zeros(canvas.index.shape, bool)
        inner[edge:-edge, edge:-edge] = True
        canvas.image[~inner] = 0
        canvas.index[~inner] = LABELS["out of roi"]


def _annotate(index: np.ndarray, number: int, actor: Actor, *, drawn: int) -> Annotation | None:
    """Measure what is left of an object in the finished scene; None where too little shows."""
    shown = (index == number).astype(np.uint8)
    area = int(np.count_nonzero(shown))
    if area < MIN_AREA or area < MIN_VISIBLE * drawn:
        return None
    left, top, width, height = cv2.boundingRect(shown)
    return Annotation(actor.category, (left, top, width, height), area, actor is CROWD, number)


def _expose(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Give the picture uneven light, blur and noise."""
    height, width = image.shape[:2]
    if rng.random() < 0.3:
        image = cv2.GaussianBlur(image, (3, 3), rng.uniform(0.4, 0.9))
    gain = cv2.resize(rng.uniform(0.86, 1.12, (3, 4)).astype(np.float32), (width, height))
    strength = int(rng.integers(2, 10))
    noise = rng.integers(-strength, strength + 1, image.shape, np.int8)
    return cv2.add(cv2.multiply(image, cv2.cvtColor(gain, cv2.COLOR_GRAY2RGB), dtype=cv2.CV_8U), noise, dtype=cv2.CV_8U)
