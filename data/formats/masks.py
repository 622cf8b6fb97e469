"""Any data set of images and masks in two folders: images/{split}/x.jpg beside masks/{split}/x.png, or deeper."""

from collections.abc import Sequence
from pathlib import Path

from data.classes import ClassTable
from data.config import Code, Palette
from data.errors import InputError
from data.folders import OTHERS, count_suffixes, find_images_below, list_files, no_images
from data.formats.mask_classes import choose_coding
from data.formats.pairs import find_partners, name_stem, take_part
from data.labels import MaskFiles
from data.mask_checks import LOSSY
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
LOSSLESS = (".png", ".bmp", ".tif", ".tiff", ".gif", ".pgm", ".ppm")


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
    folder, pairs = find_pairs(root, part)
    images, masks = [image for image, _ in pairs], [mask for _, mask in pairs]
    coding = choose_coding(root, masks, names=names, palette=palette, ignore=ignore, classes=classes)
    stems = [name_stem(path, folder).replace("/", "_") for path in images]
    return MaskFiles(folder, coding.classes, images, masks, stems, coding.read, color_coded=coding.color_coded)


def find_pairs(root: Path, part: Part) -> tuple[Path, list[tuple[Path, Path]]]:
    """Find the images of a split and their masks; a mask that is not there is one that does not exist.

    A data set that has no splits is taken whole where a share of it is evaluated on.

    Returns:
        the folder of the images, and each image with its mask.

    Raises:
        InputError: if there is no such split, or it holds no images or no masks.
    """
    places = [tuple(place.format(split=name) for place in pair) for name in part.names for pair in FOLDERS]
    whole = [pair for pair in WHOLE if all((root / place).is_dir() for place in pair)]
    for images, masks in [*places, *(whole if part.share is not None else ())]:
        if (root / images).is_dir() and (root / masks).is_dir():
            pairs = pair_files(root / images, root / masks)
            kept = set(take_part([image for image, _ in pairs], part))
            return root / images, [pair for pair in pairs if pair[0] in kept]
    there = sorted(path.relative_to(root).as_posix() for path in root.glob("*/*") if path.is_dir())
    expected = f"images/{part.split} and masks/{part.split} (folders there: {', '.join(there[:8])})"
    raise part.missing(root, expected, one_split=bool(whole) and not there)


def pair_files(images: Path, masks: Path) -> list[tuple[Path, Path]]:
    """Return the images of a folder, and of those below it, with their masks in another, or in the same.

    Raises:
        InputError: if there is no image, or none of them has a mask.
    """
    together = images == masks
    pictures = [p for p in find_images_below(images) if not (together and p.stem.endswith(SUFFIXES[1]))]
    if not pictures:
        raise no_images(images)
    files = [path for path in find_images_below(masks) if path.suffix.lower() in LOSSLESS]
    stems = [name_stem(path, images) for path in pictures]
    suffixes = SUFFIXES[1:] if together else SUFFIXES
    found = [find_partners([stem + suffix for stem in stems], masks, files) for suffix in suffixes]
    pairs = []
    for path, stem, *options in zip(pictures, stems, *found, strict=True):
        there = [mask for partners in options for mask in partners]
        if len(there) > 1:
            raise InputError(
                f"{path}: has {len(there)} masks, {there[0]} and {there[1]}; expected one, remove the other"
            )
        pairs.append((path, there[0] if there else masks / f"{stem}{suffixes[0]}.png"))
    if not any(mask.is_file() for _, mask in pairs):
        raise no_masks(pairs[0][0], pairs[0][1], masks, number=len(pairs))
    return pairs


def no_masks(image: Path, expected: Path, folder: Path, *, number: int) -> InputError:
    """Return the error of a split in which no image has a mask."""
    there = [path for path in list_files(folder) if path != image and path.suffix.lower() not in OTHERS]
    found = f"{count_suffixes(there)} there, such as {there[0].name}" if there else "nothing there"
    cure = f"expected {expected} for {image.name}"
    if any(path.suffix.lower() in LOSSY for path in there):
        cure += "; JPEG and WebP change values: write masks as PNG"
    return InputError(f"{folder}: no mask for any of {number} images ({found}); {cure}")
