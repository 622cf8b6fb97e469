"""COCO detection: a folder of images and a JSON file of boxes (Lin et al., arXiv:1405.0312)."""

import logging
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from data.classes import ClassTable
from data.coco_json import BoxList, parse_boxes, parse_classes, parse_images, read_lists
from data.errors import InputError
from data.images import Size, describe_size, load_image, read_all, read_decoded_size, read_sizes
from data.samples import DetectionSample

logger = logging.getLogger(__name__)


class CocoDataset(Dataset[DetectionSample]):
    """The images of a COCO file with their boxes; images without boxes are kept.

    Everything is held in numpy arrays, one for all images, so that worker processes share the memory: touching a list
    of Python objects copies it, page by page, into every worker.

    Attributes:
        classes: the K classes, sorted by category id, or the table that was asked for.
        image_ids: (N,) int64, the ids of the images in the file's order.
        sizes: (N, 2) int64, height and width in pixels.
        pixel_sizes: (N, 2) int64, the same of the images as they are decoded; smaller where `least_side` allows it.
        dropped: how many bad boxes were left out, by kind; empty if there are none.
        channels: of an image.
    """

    channels = (3,)

    def __init__(
        self, images: Path, annotations: Path, *, classes: ClassTable | None = None, least_side: int | None = None
    ) -> None:
        """Read and check the annotations and the header of every image.

        Args:
            images: the folder that the file names are relative to.
            annotations: the JSON file.
            classes: the classes of a model or a training set, which must know all of this file's; their order is used.
            least_side: see `data.images.load_image`.

        Raises:
            InputError: if anything but single boxes is wrong with the files, or all boxes are bad.
        """
        lists = read_lists(annotations)
        found = parse_classes(lists["categories"], path=annotations)
        if classes is not None:
            classes.require(found, source=str(annotations))
        self.classes = found if classes is None else classes
        listing = parse_images(lists["images"], path=annotations)
        labels = {category_id: self.classes.ids.index(category_id) for category_id in found.ids}
        boxes = parse_boxes(lists["annotations"], path=annotations, image_ids=listing.ids, labels=labels)
        self.image_ids = listing.ids
        self._folder = images
        self._names = listing.names
        self.sizes = _check_files(images, listing.names, listing.sizes, annotations=annotations)
        self._least_side = least_side
        self.pixel_sizes = _find_decoded_sizes(images, listing.names, self.sizes, least_side=least_side)
        self._boxes, self._clipped, self.dropped = _keep_good(boxes, self.sizes, path=annotations)
        counts = np.bincount(self._boxes.rows, minlength=len(self))
        self._offsets = np.concatenate([[0], np.cumsum(counts)])  # image i owns boxes offsets[i] to offsets[i + 1]

    def __len__(self) -> int:
        return len(self.image_ids)

    def __getitem__(self, index: int) -> DetectionSample:
        """Read one image and its boxes, clipped to it.

        Raises:
            InputError: if the image is truncated.
        """
        index = range(len(self))[index]
        return self.make_sample(index, *self.read_pixels(index))

    def read_pixels(self, index: int) -> tuple[np.ndarray]:
        """Read the image (H, W, 3) uint8."""
        height, width = self.sizes[index].tolist()
        return (load_image(self._folder / str(self._names[index]), size=(height, width), least_side=self._least_side),)

    def make_sample(self, index: int, image: np.ndarray) -> DetectionSample:
        """Return the sample of these pixels."""
        own = slice(self._offsets[index], self._offsets[index + 1])
        scale = self.pixel_sizes[index, ::-1] / self.sizes[index, ::-1]  # (2,) x, y
        return DetectionSample(
            image,
            (self._clipped[own] * np.tile(scale, 2)).astype(np.float32),
            self._boxes.labels[own].copy(),
            self._boxes.crowd[own].copy(),
            int(self.image_ids[index]),
        )

    def boxes_at(self, size: Size) -> tuple[np.ndarray, np.ndarray]:
        """Return the boxes of all images as they are when each image is resized to `size`, those of crowds left out.

        Args:
            size: (height, width) in pixels.

        Returns:
            (M, 4) float32, xyxy in pixels, and their class indices (M,) int64.
        """
        alone = ~self._boxes.crowd
        scale = np.array(size, dtype=np.float64)[::-1] / self.sizes[self._boxes.rows[alone]][:, ::-1]  # (M, 2) x, y
        return (self._clipped[alone] * np.tile(scale, 2)).astype(np.float32), self._boxes.labels[alone].copy()

    @property
    def image_paths(self) -> np.ndarray:
        """Return the (N,) paths of the images, as strings."""
        return np.array([str(self._folder / name) for name in self._names.tolist()])

    @property
    def boxes(self) -> tuple[np.ndarray, ...]:
        """Return what the good boxes say: image positions (M,), labels (M,), boxes_xywh (M, 4), areas, crowd (M,)."""
        own = self._boxes
        return own.rows, own.labels, own.boxes_xywh, own.areas, own.crowd

    def ground_truth(self) -> dict[str, list[dict[str, Any]]]:
        """Return what COCOeval compares detections with: the file's own boxes and areas, less the bad boxes.

        Annotations are numbered from 1: COCOeval takes an id of 0 for "not matched".
        """
        images = zip(self.image_ids.tolist(), self._names.tolist(), self.sizes.tolist(), strict=True)
        categories = zip(self.classes.ids, self.classes.names, self.classes.categories, strict=True)
        annotations = zip(
            self.image_ids[self._boxes.rows].tolist(),
            np.array(self.classes.ids)[self._boxes.labels].tolist(),
            self._boxes.boxes_xywh.tolist(),
            self._boxes.areas.tolist(),
            self._boxes.crowd.tolist(),
            strict=True,
        )
        return {
            "images": [{"id": i, "file_name": name, "height": h, "width": w} for i, name, (h, w) in images],
            "categories": [{"id": i, "name": name, "supercategory": group} for i, name, group in categories],
            "annotations": [
                {"id": n, "image_id": i, "category_id": c, "bbox": box, "area": area, "iscrowd": int(crowd)}
                for n, (i, c, box, area, crowd) in enumerate(annotations, start=1)
            ],
        }


def _check_files(folder: Path, names: np.ndarray, sizes: list[Size | None], *, annotations: Path) -> np.ndarray:
    """Check that every listed image is there, is an image and has the size that the annotations say.

    Returns:
        (N, 2) int64, height and width in pixels; the upright image's where the annotations do not say.
    """
    if not folder.is_dir() or not any(folder.iterdir()):
        raise InputError(f"{folder}: missing or empty; expected a folder with the images that {annotations} lists")
    paths = [folder / name for name in names.tolist()]
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        found = f"{len(missing)} of {len(paths)} images are missing: {', '.join(missing[:3])}"
        raise InputError(f"{annotations}: images[].file_name: {found}; expected them in {folder}")
    source = f"{annotations}: images[].file_name, height, width"
    return np.array(read_all(_check_size, paths, sizes, source=source), dtype=np.int64)


def _find_decoded_sizes(folder: Path, names: np.ndarray, sizes: np.ndarray, *, least_side: int | None) -> np.ndarray:
    """Return (N, 2) int64, height and width in pixels that images of these sizes are decoded at."""
    if least_side is None:
        return sizes
    paths, wanted = [folder / name for name in names.tolist()], [(height, width) for height, width in sizes.tolist()]
    found = read_all(read_decoded_size, paths, wanted, repeat(least_side), source=str(folder))
    return np.array(found, dtype=np.int64)


def _check_size(path: Path, expected: Size | None) -> Size:
    """Return an image's (height, width), which must be `expected`, raw or upright as `load_image` takes it."""
    raw, upright = read_sizes(path)
    if expected is not None and expected not in (raw, upright):
        raise InputError(f"{path}: size is {describe_size(upright)}; expected {describe_size(expected)}")
    return expected or upright


def _keep_good(boxes: BoxList, sizes: np.ndarray, *, path: Path) -> tuple[BoxList, np.ndarray, dict[str, int]]:
    """Sort boxes by image, and leave out and report the bad ones.

    Returns:
        the M good boxes; (M, 4) float32, the same as xyxy in pixels, clipped to the image; how many of each kind of bad
        box there were.
    """
    boxes = boxes.take(np.argsort(boxes.rows, kind="stable"))
    xyxy = np.concatenate([boxes.boxes_xywh[:, :2], boxes.boxes_xywh[:, :2] + boxes.boxes_xywh[:, 2:]], axis=1)
    limit = np.tile(sizes[boxes.rows][:, ::-1], 2)  # (M, 4): width, height, width, height
    clipped = xyxy.clip(0, limit).astype(np.float32)
    kinds = _name_bad(boxes.boxes_xywh, clipped)
    good = kinds == ""
    if not good.any():
        raise InputError(f"{path}: annotations[].bbox: all {len(boxes)} boxes are bad ({_count_bad(boxes, kinds)})")
    if not good.all():
        found = f"dropped {np.sum(~good)} of {len(boxes)} boxes: {_count_bad(boxes, kinds)}"
        logger.warning("%s: annotations[].bbox: %s", path, found)
    beyond = int((np.abs(xyxy - clipped)[good] > 1).any(axis=1).sum())
    if beyond:
        logger.info("%s: annotations[].bbox: clipped %d boxes that leave their image by over 1 px", path, beyond)
    names, counts = np.unique(kinds[~good], return_counts=True)
    return boxes.take(good), clipped[good], dict(zip(names.tolist(), counts.tolist(), strict=True))


def _name_bad(boxes_xywh: np.ndarray, clipped: np.ndarray) -> np.ndarray:
    """Return (M,) strings: what is wrong with each box, "" where nothing is."""
    size = boxes_xywh[:, 2:]
    conditions = {
        "not four numbers": np.isnan(boxes_xywh).any(axis=1),
        "NaN or infinite": np.isinf(boxes_xywh).any(axis=1),
        "negative width or height": (size < 0).any(axis=1),
        "zero width or height": (size == 0).any(axis=1),
        "no area inside the image": (clipped[:, 2:] <= clipped[:, :2]).any(axis=1),
    }
    return np.select(list(conditions.values()), list(conditions), default="")


def _count_bad(boxes: BoxList, kinds: np.ndarray) -> str:
    """Return the count and the first annotation id of each kind of bad box, and what was expected."""
    names, first, counts = np.unique(kinds, return_index=True, return_counts=True)
    found = [f"{n} {name} (first id {boxes.ids[i]})" for name, i, n in zip(names, first, counts, strict=True) if name]
    return f"{', '.join(found)}; expected [left, top, width, height] of a box in the image"
