"""Any data set of images and masks in two folders: images/{split}/x.jpg beside masks/{split}/x.png."""

from collections.abc import Sequence
from pathlib import Path

from data.classes import ClassTable
from data.config import Code, Palette
from data.errors import InputError
from data.formats.mask_classes import choose_coding
from data.formats.pairs import take_part
from data.images import find_images
from data.labels import MaskFiles
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


def read_masks(
    root: Path,
    part: Part,
    *,
    names: Sequence[str] | None,
    palette: Palette | None,
    ignore: Code | None,
    classes: ClassTable | None,
) -> MaskFiles:
    """Find the images and masks of one split, and what the masks hold; see `choose_coding` for the arguments.

    Raises:
        InputError: if there is no such split, it holds no images, or it cannot be told what the masks hold.
    """
    images, masks = zip(*find_pairs(root, part), strict=True)
    coding = choose_coding(root, masks, names=names, palette=palette, ignore=ignore, classes=classes)
    return MaskFiles(images[0].parent, coding.classes, list(images), list(masks), coding.read, painted=coding.painted)


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
