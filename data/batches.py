"""What a batch of each task holds, and how samples become one."""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from data.class_transforms import ClassificationItem
from data.deferred import Change, change_images, mirror_boxes, mirror_masks
from data.mixing import Mix
from data.transforms import DetectionItem, SegmentationItem

Left = TypeVar("Left", Change, Mix)

LEAST_SLOTS = 8  # boxes that a batch has room for


class DetectionBatch(NamedTuple):
    """N images of one size, with their boxes padded to as many, see `count_slots`."""

    images: Tensor  # (N, 3, H, W) uint8, or float32 where the resize does not round; channels last in memory
    boxes: Tensor  # (N, G, 4) float32, xyxy in pixels
    labels: Tensor  # (N, G) int64; -1 where padded
    crowd: Tensor  # (N, G) bool
    image_ids: Tensor  # (N,) int64, in the data set's own files
    sizes: Tensor  # (N, 2) int64, height and width in pixels of the images before they were resized
    mirrored: Tensor | None = None  # (N,) bool, which images are still to be mirrored, with their boxes
    colors: Tensor | None = None  # (N, 3, 4) float32, how their colours are still to change, see `data.deferred`

    def changed(self) -> "DetectionBatch":
        """Return the batch with all changes done, on its device."""
        if self.mirrored is None or self.colors is None:
            return self
        boxes = mirror_boxes(self.boxes, self.mirrored[:, None] & (self.labels >= 0), width=self.images.shape[-1])
        images = change_images(self.images, self.mirrored, self.colors)
        return self._replace(images=images, boxes=boxes, mirrored=None, colors=None)


class ClassificationBatch(NamedTuple):
    """N images of one size, with the classes that they show."""

    images: Tensor  # (N, 3, H, W) uint8, or float32 where the resize does not round; channels last in memory
    targets: Tensor  # (N, K) bool
    names: tuple[str, ...]  # N, of the samples
    weights: Tensor | None = None  # (N,) float32, how images are still to be mixed, see `data.mixing`
    parts: Tensor | None = None  # (N, 4) int64, top, left, bottom and right in pixels, likewise


class SegmentationBatch(NamedTuple):
    """N images of one size, with their masks."""

    images: Tensor  # (N, 3, H, W) uint8, or float32 where the resize does not round; channels last in memory
    masks: Tensor  # (N, h, w) uint8, class indices or IGNORE
    names: tuple[str, ...]  # N, of the samples
    mirrored: Tensor | None = None  # (N,) bool, which images are still to be mirrored, with their masks
    colors: Tensor | None = None  # (N, 3, 4) float32, how their colours are still to change, see `data.deferred`

    def changed(self) -> "SegmentationBatch":
        """Return the batch with all changes done, on its device."""
        if self.mirrored is None or self.colors is None:
            return self
        images = change_images(self.images, self.mirrored, self.colors)
        return self._replace(images=images, masks=mirror_masks(self.masks, self.mirrored), mirrored=None, colors=None)


def stack_images(images: Sequence[np.ndarray]) -> Tensor:
    """Stack images (H, W, 3) into (N, 3, H, W), without a copy into another memory order."""
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)


def take_left(changes: Sequence[Left | None]) -> list[Left]:
    """Return what is left to the device of each image, or of none."""
    left = [change for change in changes if change is not None]
    if 0 < len(left) < len(changes):
        raise ValueError(f"{len(left)} of {len(changes)} images have a change left to the device; expected all or none")
    return left


def stack_mixes(mixes: Sequence[Mix | None]) -> tuple[Tensor, Tensor] | tuple[None, None]:
    """Stack how images are to be mixed: weights (N,), and parts (N, 4)."""
    left = take_left(mixes)
    if not left:
        return None, None
    return torch.tensor([mix.weight for mix in left]), torch.tensor([mix.part for mix in left])


def stack_changes(changes: Sequence[Change | None]) -> tuple[Tensor, Tensor] | tuple[None, None]:
    """Stack what is left to the device: which images are to be mirrored (N,), and their colours (N, 3, 4).

    Args:
        changes: of each image, or None of each.
    """
    left = take_left(changes)
    if not left:
        return None, None
    mirrored = torch.tensor([change.mirror for change in left])
    return mirrored, torch.from_numpy(np.stack([change.color for change in left]))


def count_slots(boxes: int) -> int:
    """Return how many boxes a batch has room for: 8, or a power of two, so that few shapes of batches come up."""
    return max(LEAST_SLOTS, 1 << (boxes - 1).bit_length())


def collate_detection(items: Sequence[DetectionItem]) -> DetectionBatch:
    """Stack images of one size and pad their boxes."""
    n, slots = len(items), count_slots(max(len(item.boxes) for item in items))
    boxes = torch.zeros(n, slots, 4)
    labels = torch.full((n, slots), -1, dtype=torch.int64)
    crowd = torch.zeros(n, slots, dtype=torch.bool)
    for row, item in enumerate(items):
        count = len(item.boxes)
        boxes[row, :count] = torch.from_numpy(item.boxes)
        labels[row, :count] = torch.from_numpy(item.labels)
        crowd[row, :count] = torch.from_numpy(item.crowd)
    image_ids, sizes = torch.tensor([item.image_id for item in items]), torch.tensor([item.size for item in items])
    images, changes = stack_images([item.image for item in items]), stack_changes([item.change for item in items])
    return DetectionBatch(images, boxes, labels, crowd, image_ids, sizes, *changes)


def collate_classification(items: Sequence[ClassificationItem]) -> ClassificationBatch:
    """Stack images of one size, their classes, and how they are to be mixed."""
    targets = torch.from_numpy(np.stack([item.target for item in items]))  # (N, K)
    names = tuple(item.name for item in items)
    images, mixes = stack_images([item.image for item in items]), stack_mixes([item.mix for item in items])
    return ClassificationBatch(images, targets, names, *mixes)


def collate_segmentation(items: Sequence[SegmentationItem]) -> SegmentationBatch:
    """Stack images and masks of one size."""
    masks = torch.from_numpy(np.stack([item.mask for item in items]))
    names = tuple(item.name for item in items)
    images, changes = stack_images([item.image for item in items]), stack_changes([item.change for item in items])
    return SegmentationBatch(images, masks, names, *changes)
