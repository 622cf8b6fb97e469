"""Any data set of images and masks in two folders: images/{split}/x.jpg beside masks/{split}/x.png."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch.utils.data import Dataset

from data.classes import ClassTable
from data.errors import InputError
from data.findings import Report, fault, refuse
from data.images import find_images, load_image, load_mask
from data.pairs import check_pairs, find_split, split_names, take_part
from data.samples import IGNORE, SegmentationSample
from data.splits import Part


class MaskFolderDataset(Dataset[SegmentationSample]):
    """One split of a folder of images and single-channel masks of class indices.

    Attributes:
        classes: the K classes; their ids are the mask values 0 to K - 1.
        image_paths: (N,) paths, as a numpy string array: one block of memory that workers share.
        mask_paths: (N,) paths, likewise.
        pixel_sizes: (N, 2) int64, height and width in pixels.
        channels: of an image and of a mask.
    """

    channels = (3, 1)

    def __init__(self, root: Path, part: Part, *, names: Sequence[str], report: Report = refuse) -> None:
        """List and check a split; pixels are read, and their values checked, one image at a time.

        Args:
            root: the folder that holds `images/{split}` and `masks/{split}`.
            part: which images of a folder in both, e.g. "train".
            names: the class names in the order of the mask values; 255 is ignored and has no name.
            report: takes what is wrong in the files.

        Raises:
            InputError: if a folder is missing or empty, the names are unfit, or a file fails `check_pairs`.
        """
        self.classes = _class_table(names)
        for folder in (root / "images", root / "masks"):
            if not folder.is_dir():
                raise InputError(
                    f"{folder}: no such folder; expected {root} to hold images/{part.split} and masks/{part.split}"
                )
        folder = find_split(root / "images", part)
        images = find_images(folder)
        if not images:
            found = f"no images (splits: {split_names(folder.parent)})"
            raise InputError(f"{folder}: {found}; expected .jpg or .png files directly in it")
        images = take_part(images, part)
        masks = [root / "masks" / part.split / f"{image.stem}.png" for image in images]
        self.image_paths, self.mask_paths, self.pixel_sizes = check_pairs(images, masks, folder=folder, report=report)

    def __len__(self) -> int:
        return len(self.image_paths)

    def __getitem__(self, index: int) -> SegmentationSample:
        """Read one image and its mask.

        Raises:
            InputError: if a file is truncated, or the mask holds a value that is neither a class nor 255.
        """
        return self.make_sample(index, *self.read_pixels(index))

    def read_pixels(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Read the image (H, W, 3) and the mask (H, W), both uint8."""
        mask = self.read_mask(index)
        return load_image(Path(self.image_paths[index]), size=(mask.shape[0], mask.shape[1])), mask

    def read_mask(self, index: int) -> np.ndarray:
        """Read the mask (H, W) uint8."""
        path = Path(self.mask_paths[index])
        values = load_mask(path)
        unknown = ((values < 0) | (values >= len(self.classes))) & (values != IGNORE)
        if unknown.any():
            found = f"values {np.unique(values[unknown])[:10].tolist()}"
            raise fault(
                "value that is no class", path, found, f"expected 0 to {len(self.classes) - 1}, or {IGNORE} to ignore"
            )
        return values.astype(np.uint8)

    def make_sample(self, index: int, image: np.ndarray, mask: np.ndarray) -> SegmentationSample:
        """Return the sample of these pixels."""
        return SegmentationSample(image, mask, Path(self.image_paths[index]).stem)


def _class_table(names: Sequence[str]) -> ClassTable:
    """Build the table of mask values 0 to K - 1, or raise InputError where the names cannot be theirs."""
    fits = not isinstance(names, str) and 0 < len(names) <= IGNORE and len(set(names)) == len(names)
    if not fits:
        raise InputError(f"class names {names!r}; expected a list of 1 to {IGNORE} unique names")
    return ClassTable.create(names, range(len(names)))
