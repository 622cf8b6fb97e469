"""Any data set of images and masks in two folders: images/{split}/x.jpg beside masks/{split}/x.png, or deeper."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from data.classes import ClassTable
from data.config import Code, Palette
from data.errors import InputError
from data.findings import refuse
from data.folders import OTHERS, count_suffixes, find_images_below, list_files, no_images
from data.formats.listing import find_listed, read_listing
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
    ("{split}/data", "{split}/labels"),  # FiftyOne
    ("{split}", "{split}annot"),  # CamVid
    ("{split}", "{split}"),
)
VOC = ("JPEGImages", "SegmentationClass")  # of all splits, which lists tell apart: Pascal VOC, CVAT, Supervisely
LISTS = "ImageSets/Segmentation/{split}.txt"
WHOLE = (  # of a data set that is one split
    ("images", "masks"),
    ("images", "labels"),
    ("images", "annotations"),
    ("data", "labels"),
    VOC,
)
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
    most_pixels: int,
) -> MaskFiles:
    """Find the images and masks of one split, and what the masks hold; see `choose_coding` for the arguments.

    Raises:
        InputError: if there is no such split, it holds no images, or it cannot be told what the masks hold.
    """
    folder, pairs = find_pairs(root, part)
    images, masks = [image for image, _ in pairs], [mask for _, mask in pairs]
    coding = choose_coding(
        root, masks, names=names, palette=palette, ignore=ignore, classes=classes, most_pixels=most_pixels
    )
    stems = [name_stem(path, folder).replace("/", "_") for path in images]
    return MaskFiles(
        folder,
        coding.classes,
        images,
        masks,
        stems,
        coding.read,
        coding=coding.hash_table(),
        color_coded=coding.color_coded,
    )


def find_pairs(root: Path, part: Part) -> tuple[Path, list[tuple[Path, Path]]]:
    """Find the images of a split and their masks; a mask that is not there is one that does not exist.

    A data set that has no splits is taken whole where a share of it is evaluated on.

    Returns:
        the folder of the images, and each image with its mask.

    Raises:
        InputError: if there is no such split, or it holds no images or no masks.
    """
    for images, masks, listing in list_places(root, part):
        if images.is_dir() and masks.is_dir() and (listing is None or listing.is_file()):
            pairs = pair_files(images, masks, listing=listing)
            kept = set(take_part([image for image, _ in pairs], part))
            return images, [pair for pair in pairs if pair[0] in kept]
    there = sorted(path.relative_to(root).as_posix() for path in root.glob("*/*") if path.is_dir())
    lists = sorted(path.relative_to(root).as_posix() for path in root.glob(LISTS.format(split="*")))
    found = f"folders there: {', '.join(there[:8])}" + f"; lists: {', '.join(lists[:8])}" * bool(lists)
    whole = any(all((root / place).is_dir() for place in pair) for pair in WHOLE)
    expected = f"images/{part.split} and masks/{part.split} ({found})"
    raise part.missing(root, expected, one_split=whole and not there)


def list_places(root: Path, part: Part) -> Iterator[tuple[Path, Path, Path | None]]:
    """Yield where a split may be: its folders of images and of masks, and the list that names its images, if any."""
    for name in part.names:
        for images, masks in FOLDERS:
            yield root / images.format(split=name), root / masks.format(split=name), None
    for name in part.names:
        yield root / VOC[0], root / VOC[1], root / LISTS.format(split=name)
    for images, masks in WHOLE if part.share is not None else ():
        yield root / images, root / masks, None


def pair_files(images: Path, masks: Path, *, listing: Path | None) -> list[tuple[Path, Path]]:
    """Return the images of a folder, and of those below it, with their masks in another, or in the same.

    Args:
        images: their folder.
        masks: theirs.
        listing: names the images that are of the split; None: all are.

    Raises:
        InputError: if there is no image, none of them has a mask, or one that is listed is missing.
    """
    together = images == masks
    pictures = [p for p in find_images_below(images) if not (together and p.stem.endswith(SUFFIXES[1]))]
    if listing is not None:
        pictures = take_listed(pictures, images, listing)
    if not pictures:
        raise no_images(images)
    files = [path for path in find_images_below(masks) if path.suffix.lower() in LOSSLESS]
    stems = [name_stem(path, images) for path in pictures]
    suffixes = SUFFIXES[1:] if together else SUFFIXES
    named = [[stem + suffix for stem in stems] for suffix in suffixes]
    if not together:
        named.append([stem + path.suffix for stem, path in zip(stems, pictures, strict=True)])  # a.jpg.png
    found = [find_partners(names, masks, files) for names in named]
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


def take_listed(images: Sequence[Path], folder: Path, listing: Path) -> list[Path]:
    """Return the images of a folder that a list names.

    Raises:
        InputError: if one that is listed is missing.
    """
    stems = [name_stem(path, folder) for path in images]
    known = {stem: stem for stem in stems}
    known |= {path.relative_to(folder).as_posix(): stem for path, stem in zip(images, stems, strict=True)}
    listed = find_listed(read_listing(listing), known, where=listing, report=refuse)
    missing = [line for stem, line in listed.items() if stem not in known]
    if missing:
        found = f"{len(missing)} of {len(listed)} lines name no image in {folder} (first: {missing[0]!r})"
        raise InputError(f"{listing}: {found}; expected names of images, without extensions")
    return [path for path, stem in zip(images, stems, strict=True) if stem in listed]


def no_masks(image: Path, expected: Path, folder: Path, *, number: int) -> InputError:
    """Return the error of a split in which no image has a mask."""
    there = [path for path in list_files(folder) if path != image and path.suffix.lower() not in OTHERS]
    found = f"{count_suffixes(there)} there, such as {there[0].name}" if there else "nothing there"
    cure = f"expected {expected} for {image.name}"
    if any(path.suffix.lower() in LOSSY for path in there):
        cure += "; JPEG and WebP change values: write masks as PNG"
    return InputError(f"{folder}: no mask for any of {number} images ({found}); {cure}")
