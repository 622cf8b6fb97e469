"""Cityscapes, fine annotations, 19 classes (Cordts et al., arXiv:1604.01685)."""

from pathlib import Path

import cv2
import numpy as np
from cityscapesscripts.helpers.labels import labels as LABELS

from data.classes import ClassTable
from data.errors import InputError
from data.findings import fault
from data.formats.pairs import find_split, split_names, take_part
from data.images import find_images, load_mask
from data.labels import MaskFiles
from data.samples import IGNORE
from data.splits import Part

IMAGE_SUFFIX = "_leftImg8bit"
MASK_SUFFIX = "_gtFine_labelIds.png"
TRAINED = sorted((label for label in LABELS if 0 <= label.trainId < IGNORE), key=lambda label: label.trainId)
CITYSCAPES_CLASSES = ClassTable.create(
    [label.name for label in TRAINED],
    [label.id for label in TRAINED],
    categories=[label.category for label in TRAINED],
    colors=[label.color for label in TRAINED],
)

UNKNOWN = 254  # marks the entries of TRAIN_IDS that no label of Cityscapes has
TRAIN_IDS = np.full(256, UNKNOWN, dtype=np.uint8)  # label id -> class index or IGNORE
for _label in LABELS:
    if _label.id >= 0:  # the licence plate, -1, is in no mask; 255 stays unknown, as it gives a file of train ids away
        TRAIN_IDS[_label.id] = _label.trainId

OWN_LABELS = "label_colors.txt"  # CVAT writes it beside the folders, and numbers labels as it lists them
MASKS_INSTEAD = "expected dataset=masks and CVAT's export Segmentation mask 1.1"
HOW_TO_GET = (
    "expected leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip unpacked side by side there (from "
    "cityscapes-dataset.com after registration); point BNECK_DATA or dataset.root at them, or try the toolkit without "
    "them: dataset=synthetic"
)


def read_cityscapes(root: Path, part: Part) -> MaskFiles:
    """Find the images and masks of one split of Cityscapes with its fine annotations.

    The ids of its classes are Cityscapes label ids, which the official evaluation reads. A prediction saved as
    `{stem of the image}.png` is found by the official script.

    Args:
        root: the folder that holds `leftImg8bit` and `gtFine`.
        part: which images of "train", "val" or "test".

    Raises:
        InputError: if a folder is missing or empty.
    """
    own = root / OWN_LABELS
    if own.is_file():
        raise InputError(f"{own}: defines label ids of its own, not those of Cityscapes; {MASKS_INSTEAD}")
    for folder in (root / "leftImg8bit", root / "gtFine"):
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder; {HOW_TO_GET}")
    folder = find_split(root / "leftImg8bit", part)
    cities = sorted(path for path in folder.iterdir() if path.is_dir())
    images = [path for city in cities for path in find_images(city) if path.stem.endswith(IMAGE_SUFFIX)]
    if not images:
        found = f"no images (splits: {split_names(folder.parent)})"
        raise InputError(f"{folder}: {found}; expected {{city}}/*{IMAGE_SUFFIX}.png or .jpg")
    images = take_part(images, part)
    masks = [
        root / "gtFine" / folder.name / path.parent.name / (path.stem.removesuffix(IMAGE_SUFFIX) + MASK_SUFFIX)
        for path in images
    ]
    names = [path.stem for path in images]
    return MaskFiles(folder, CITYSCAPES_CLASSES, images, masks, names, read_train_ids)


def read_train_ids(path: Path) -> np.ndarray:
    """Read a mask of label ids as class indices: (H, W) uint8, 0 to 18 or IGNORE.

    Raises:
        InputError: a fault, if it cannot be read, or holds an id that Cityscapes does not know.
    """
    return to_train_ids(load_mask(path, most_pixels=None), path=path)  # as many pixels as its image, as was checked


def to_train_ids(ids: np.ndarray, *, path: Path) -> np.ndarray:
    """Turn Cityscapes label ids into class indices.

    Args:
        ids: (H, W) uint8 or int32, label ids.
        path: the file that they come from, for the message.

    Returns:
        (H, W) uint8, 0 to 18 or IGNORE.

    Raises:
        InputError: if an id is none of Cityscapes'.
    """
    rows = ids if ids.dtype == np.uint8 else np.where((ids >= 0) & (ids < 256), ids, 255)  # 255 is unknown
    mask = cv2.LUT(rows.astype(np.uint8, copy=False), TRAIN_IDS)
    unknown = mask == UNKNOWN
    if unknown.any():
        found = np.unique(ids[unknown])[:10].tolist()
        last = max(label.id for label in LABELS)
        cure = f"expected Cityscapes label ids 0 to {last} (not train ids, not colours)"
        raise fault("unknown mask value", path, f"ids {found}", cure)
    return mask
