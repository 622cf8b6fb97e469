"""Cityscapes, fine annotations, 19 classes (Cordts et al., arXiv:1604.01685)."""

from pathlib import Path

import cv2
import numpy as np
from cityscapesscripts.helpers.labels import labels as LABELS
from torch.utils.data import Dataset

from data.classes import ClassTable
from data.errors import InputError
from data.findings import Report, fault, refuse
from data.formats.pairs import check_pairs, find_split, split_names, take_part
from data.images import find_images, load_image, load_mask
from data.samples import IGNORE, SegmentationSample
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

HOW_TO_GET = (
    "expected leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip unpacked side by side there (from "
    "cityscapes-dataset.com after registration); point BNECK_DATA or dataset.root at them, or try the toolkit without "
    "them: dataset=synthetic"
)


class CityscapesDataset(Dataset[SegmentationSample]):
    """One split of Cityscapes with its fine annotations.

    Attributes:
        classes: the 19 classes; their ids are Cityscapes label ids, which the official evaluation reads.
        image_paths: (N,) paths, as a numpy string array: one block of memory that workers share.
        mask_paths: (N,) paths, likewise.
        pixel_sizes: (N, 2) int64, height and width in pixels.
        channels: of an image and of a mask.
    """

    channels = (3, 1)

    def __init__(self, root: Path, part: Part, *, report: Report = refuse) -> None:
        """List and check a split; pixels are read, and their values checked, one image at a time.

        Args:
            root: the folder that holds `leftImg8bit` and `gtFine`.
            part: which images of "train", "val" or "test".
            report: takes what is wrong in the files.

        Raises:
            InputError: if a folder is missing or empty, or `report` refuses what is wrong.
        """
        self.classes = CITYSCAPES_CLASSES
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
        self.image_paths, self.mask_paths, self.pixel_sizes = check_pairs(images, masks, folder=folder, report=report)

    def __len__(self) -> int:
        return len(self.image_paths)

    def __getitem__(self, index: int) -> SegmentationSample:
        """Read one image and its mask; label ids become class indices.

        The sample's name is the image's stem, so a prediction saved as `{name}.png` is found by the official script.

        Raises:
            InputError: if a file is truncated, or the mask holds an id that Cityscapes does not know.
        """
        return self.make_sample(index, *self.read_pixels(index))

    def read_pixels(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Read the image (H, W, 3) and the mask (H, W), both uint8."""
        mask = self.read_mask(index)
        return load_image(Path(self.image_paths[index]), size=(mask.shape[0], mask.shape[1])), mask

    def read_mask(self, index: int) -> np.ndarray:
        """Read the mask (H, W) uint8, class indices or IGNORE."""
        path = Path(self.mask_paths[index])
        return to_train_ids(load_mask(path), path=path)

    def make_sample(self, index: int, image: np.ndarray, mask: np.ndarray) -> SegmentationSample:
        """Return the sample of these pixels."""
        return SegmentationSample(image, mask, Path(self.image_paths[index]).stem)


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
