"""A data set that the project draws itself: street scenes as a COCO tree and as a Cityscapes tree.

Both trees hold the same scenes, in the files and with the ids of the real sets, so the ordinary readers read them.
"""

import json
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
from cityscapesscripts.helpers.labels import name2label

from data.bounded.content import read_content
from data.bounded.json_values import parse_json
from data.errors import InputError
from data.synthetic.canvas import FIRST_OBJECT
from data.synthetic.placement import CROWD
from data.synthetic.recipe import RECIPE
from data.synthetic.scene import SPLITS, Scene, draw_scene

VERSION = 1  # of the drawings: a set of another version is another set
CATEGORIES = {"person": 1, "bicycle": 2, "car": 3, "bus": 6, "traffic light": 10, "stop sign": 13}  # COCO's own ids
SUPERCATEGORIES = {"person": "person", "traffic light": "outdoor", "stop sign": "outdoor"}  # the others are vehicles
CITY = "synthetic"
MIN_SIDE = 64  # pixels; below it nothing can be recognised
JPEG_QUALITY = 92


def write_synthetic(root: Path, *, train: int, val: int, size: tuple[int, int] = (256, 384), seed: int = 0) -> None:
    """Write the set to `root`, whole or not at all; return at once where the same set is there already.

    The trees are `root/coco` (`{train,val}/*.jpg`, `annotations/instances_{train,val}.json`) and `root/cityscapes`
    (`leftImg8bit` and `gtFine`, with label and instance ids). Every scene depends on the seed, its split and its
    number alone: a larger set begins with the scenes of a smaller one.

    Args:
        root: the folder to make.
        train: number of training scenes, at least 1.
        val: number of validation scenes, at least 1.
        size: (height, width) in pixels.
        seed: at least 0.

    Raises:
        InputError: if a number is out of range, or `root` holds anything else.
    """
    if min(train, val) < 1 or min(size) < MIN_SIDE or seed < 0:
        raise InputError(
            f"synthetic data set: got train={train}, val={val}, size={tuple(size)}, seed={seed}; "
            f"expected train and val of at least 1, sides of at least {MIN_SIDE} and a seed of at least 0"
        )
    recipe = {"version": VERSION, "train": train, "val": val, "size": list(size), "seed": seed}
    root = Path(root).resolve()
    if _is_written(root, recipe):
        return
    root.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{root.name}-", dir=root.parent) as temporary:
        draft = Path(temporary) / root.name
        for split, count in zip(SPLITS, (train, val), strict=True):
            _write_split(draft, split, count=count, size=(size[0], size[1]), seed=seed)
        _write_json(draft / RECIPE, recipe)
        try:
            draft.rename(root)
        except OSError:
            if not _is_written(root, recipe):  # unless another process was faster
                raise


def _is_written(root: Path, recipe: dict[str, Any]) -> bool:
    """Tell whether `root` holds the set of this recipe; False where there is nothing.

    Raises:
        InputError: if it holds something else.
    """
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return False
    try:
        found = parse_json(read_content(root / RECIPE))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{root}: exists but holds no readable recipe.json, so it is not a synthetic data set; name another folder"
        ) from error
    if found != recipe:
        raise InputError(f"{root}: holds the set {found}, asked for {recipe}; name another folder, or remove this one")
    return True


def _write_split(root: Path, split: str, *, count: int, size: tuple[int, int], seed: int) -> None:
    """Draw and write the scenes 1 to `count` of a split into both trees."""
    cityscapes = root / "cityscapes"
    pictures, photos = root / "coco" / split, cityscapes / "leftImg8bit" / split / CITY
    masks = cityscapes / "gtFine" / split / CITY
    for folder in (pictures, photos, masks, root / "coco" / "annotations"):
        folder.mkdir(parents=True, exist_ok=True)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number in range(1, count + 1):
        scene = draw_scene(seed, split, number=number, size=size)
        picture = cv2.cvtColor(scene.image, cv2.COLOR_RGB2BGR)
        name, stem = f"{number:06d}.jpg", f"{CITY}_000000_{number:06d}"
        write_image(pictures / name, picture)
        write_image(photos / f"{stem}_leftImg8bit.png", picture)
        write_image(masks / f"{stem}_gtFine_labelIds.png", scene.labels)
        write_image(masks / f"{stem}_gtFine_instanceIds.png", _instance_ids(scene))
        images.append({"id": number, "file_name": name, "height": size[0], "width": size[1]})
        annotations += _coco_annotations(scene, image_id=number, first=len(annotations) + 1)
    categories = [{"id": i, "name": name, "supercategory": SUPERCATEGORIES.get(name, "vehicle")}
                  for name, i in CATEGORIES.items()]  # fmt: skip
    document = {
        "info": {"description": "Synthetic street scenes drawn by Bneck", "version": str(VERSION)},
        "licenses": [],
        "images": images,
        "annotations": annotations,
        "categories": categories,
    }
    _write_json(root / "coco" / "annotations" / f"instances_{split}.json", document)


def _coco_annotations(scene: Scene, *, image_id: int, first: int) -> list[dict[str, Any]]:
    """Return a scene's annotations as COCO has them, numbered from `first`."""
    return [
        {
            "id": number,
            "image_id": image_id,
            "category_id": CATEGORIES[annotation.category],
            "bbox": list(annotation.box_xywh),
            "area": annotation.area,
            "iscrowd": int(annotation.crowd),
            "segmentation": [],
        }
        for number, annotation in enumerate(scene.annotations, first)
    ]


def _instance_ids(scene: Scene) -> np.ndarray:
    """Return (H, W) uint16 Cityscapes instance ids: id * 1000 + n for things, the label id for the rest."""
    table = np.arange(256, dtype=np.uint16)
    seen: Counter[str] = Counter()
    for number, actor in enumerate(scene.actors, FIRST_OBJECT):
        label = name2label[actor.label]
        single = label.hasInstances and actor is not CROWD  # a group has no instances either
        table[number] = label.id * 1000 + seen[actor.label] if single else label.id
        seen[actor.label] += single
    return table[scene.index]


def write_image(path: Path, image: np.ndarray) -> None:
    """Write a JPEG or PNG file; OpenCV's own PNG settings are its fastest."""
    if not cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if path.suffix == ".jpg" else []):
        raise OSError(f"{path}: could not be written")


def _write_json(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=1) + "\n")
