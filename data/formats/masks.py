"""Any data set of images and masks in two folders: images/{split}/x.jpg beside masks/{split}/x.png."""

from pathlib import Path

import numpy as np
from torch.utils.data import Dataset

from data.errors import InputError
from data.findings import Report, refuse
from data.formats.mask_coding import MaskCoding
from data.formats.pairs import check_pairs, take_part
from data.images import find_images, load_image
from data.samples import SegmentationSample
from data.splits import Part

FOLDERS = (  # of a split: its images, its masks
    ("images/{split}", "masks/{split}"),
    ("images/{split}", "labels/{split}"),
    ("images/{split}", "annotations/{split}"),
    ("{split}/images", "{split}/masks"),
    ("{split}", "{split}"),
)
WHOLE = (("images", "masks"), ("images", "labels"), ("images", "annotations"))  # of a data set that is one split
SUFFIXES = ("", "_mask")  # that masks add to the names of their images; Roboflow's are beside them
LOSSLESS = (".png", ".bmp", ".tif", ".tiff")

Pairs = list[tuple[Path, Path]]  # image, mask


class MaskFolderDataset(Dataset[SegmentationSample]):
    """Images and their masks of class indices or colours.

    Attributes:
        classes: the K classes.
        image_paths: (N,) paths, as a numpy string array: one block of memory that workers share.
        mask_paths: (N,) paths, likewise.
        pixel_sizes: (N, 2) int64, height and width in pixels.
        channels: of an image and of a mask.
    """

    channels = (3, 1)

    def __init__(self, pairs: Pairs, coding: MaskCoding, *, report: Report = refuse) -> None:
        """Check the files; pixels are read, and their values checked, one image at a time.

        Args:
            pairs: images, and their masks, which may not exist.
            coding: what the pixels of the masks stand for.
            report: takes what is wrong in the files.

        Raises:
            InputError: if `report` refuses what is wrong.
        """
        self.classes = coding.classes
        self._coding = coding
        images, masks = [image for image, _ in pairs], [mask for _, mask in pairs]
        self.image_paths, self.mask_paths, self.pixel_sizes = check_pairs(
            images, masks, folder=images[0].parent, report=report, painted=coding.painted
        )

    def __len__(self) -> int:
        return len(self.image_paths)

    def __getitem__(self, index: int) -> SegmentationSample:
        """Read one image and its mask.

        Raises:
            InputError: if a file is truncated, or the mask holds what is neither a class nor ignored.
        """
        return self.make_sample(index, *self.read_pixels(index))

    def read_pixels(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Read the image (H, W, 3) and the mask (H, W), both uint8."""
        mask = self.read_mask(index)
        return load_image(Path(self.image_paths[index]), size=(mask.shape[0], mask.shape[1])), mask

    def read_mask(self, index: int) -> np.ndarray:
        """Read the mask (H, W) uint8, class indices or IGNORE."""
        return self._coding.read(Path(self.mask_paths[index]))

    def make_sample(self, index: int, image: np.ndarray, mask: np.ndarray) -> SegmentationSample:
        """Return the sample of these pixels."""
        return SegmentationSample(image, mask, Path(self.image_paths[index]).stem)


def find_pairs(root: Path, part: Part) -> Pairs:
    """Find the images of a split and their masks; a mask that is not there is one that does not exist.

    A data set that has no splits is taken whole where a share of it is evaluated on.

    Raises:
        InputError: if there is no such split, or it holds no images.
    """
    places = [tuple(place.format(split=name) for place in pair) for name in part.names for pair in FOLDERS]
    for images, masks in [*places, *(WHOLE if part.share is not None else ())]:
        if (root / images).is_dir() and (root / masks).is_dir():
            pairs = pair_files(root / images, root / masks)
            if not pairs:
                raise InputError(f"{root / images}: no images; expected .jpg or .png files directly in it")
            kept = set(take_part([image for image, _ in pairs], part))
            return [pair for pair in pairs if pair[0] in kept]
    there = sorted(path.relative_to(root).as_posix() for path in root.glob("*/*") if path.is_dir())
    raise part.missing(root, f"images/{part.split} and masks/{part.split} (folders there: {', '.join(there[:8])})")


def pair_files(images: Path, masks: Path) -> Pairs:
    """Return the images of a folder with their masks in another, or in the same."""
    found = {path.stem: path for path in find_images(masks) if path.suffix.lower() in LOSSLESS}
    together = images == masks
    pictures = [path for path in find_images(images) if not (together and path.stem.endswith(SUFFIXES[1]))]
    suffixes = SUFFIXES[1:] if together else SUFFIXES
    return [
        (path, next((found[path.stem + s] for s in suffixes if path.stem + s in found), masks / f"{path.stem}.png"))
        for path in pictures
    ]
