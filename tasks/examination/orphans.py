"""Files that are left over: images that no label names, labels and masks that no image has."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from data.findings import Finding, Report
from data.formats.yolo_layout import find_label_folder
from data.images import find_images
from data.readers import BoxReader, MaskReader, Reader

LABEL_SUFFIXES = {"yolo": ".txt", "voc": ".xml"}  # of formats with a file an image


def check_orphans(readers: Iterable[BoxReader], blamed: set[Path], report: Report) -> None:
    """Report image files that no split has, in the folders of those that they have.

    Args:
        readers: of all splits.
        blamed: files that findings speak of already: labels name them, but they cannot be used.
        report: takes the findings.
    """
    named = {path.resolve() for reader in readers for path in list_images(reader)}
    known = named | {path.resolve() for path in blamed}
    for folder in sorted({path.parent for path in named}):
        for path in find_images(folder):
            if path not in known:
                cure = "label it, or leave it: it is not used"
                report(Finding("note", "image that no label names", str(path), "no split has it", cure))


def check_lone_labels(name: str, readers: Iterable[BoxReader], report: Report) -> None:
    """Report label files without an image, of formats that have a label file for each image.

    Args:
        name: of the format.
        readers: of all splits.
        report: takes the findings.
    """
    if name not in LABEL_SUFFIXES:
        return
    places = set()
    for reader in readers:
        for folder in {path.parent for path in list_images(reader)}:
            places.add((folder, find_label_folder(folder) if name == "yolo" else reader.source))
    for images, labels in sorted(places):
        stems = {path.stem for path in find_images(images)}
        for path in sorted(labels.glob(f"*{LABEL_SUFFIXES[name]}")):
            if path.stem not in stems and (name != "yolo" or _holds_numbers(path)):
                cure = "bring its image, or remove it: it is not used"
                report(Finding("note", "label file without an image", str(path), f"no {path.stem} in {images}", cure))


def check_lone_masks(readers: Iterable[MaskReader], report: Report) -> None:
    """Report masks without an image, among the files that are named as those of the readers are."""
    pairs: dict[Path, list[tuple[Path, Path]]] = {}
    for reader in readers:
        for image, mask in zip(reader.image_paths.tolist(), reader.mask_paths.tolist(), strict=True):
            pairs.setdefault(Path(mask).parent, []).append((Path(image), Path(mask)))
    for folder, used in sorted(pairs.items()):
        if len(used) < 2:  # too few to tell how masks are named
            continue
        ending = find_ending([mask.name for _, mask in used])
        image_ending = Path(find_ending([image.name for image, _ in used])).stem
        there = [path for images in {image.parent for image, _ in used} for path in find_images(images)]
        begins = {path.stem.removesuffix(image_ending) for path in there}
        for path in sorted(folder.glob(f"*{ending}")):
            if path.name.removesuffix(ending) not in begins:
                cure = "bring its image, or remove it: it is not used"
                report(Finding("note", "mask without an image", str(path), "no image of that name", cure))


def list_images(reader: Reader) -> list[Path]:
    """Return the paths of the images that a reader reads."""
    return [Path(path) for path in reader.image_paths.tolist()]


def find_ending(names: Sequence[str]) -> str:
    """Return what two or more file names all end with, from a mark on: "_gtFine_labelIds.png", or ".png"."""
    shortest = min(names, key=len)
    same = next((n for n in range(len(shortest)) if len({name[-n - 1] for name in names}) > 1), len(shortest))
    common = shortest[len(shortest) - same :]
    marks = [common.index(mark) for mark in "_." if mark in common]
    return common[min(marks) :] if marks else shortest[shortest.rindex(".") :]


def _holds_numbers(path: Path) -> bool:
    """Tell whether a text file begins with a number, as labels do, and not with the name of a class or a file."""
    fields = path.read_bytes().split(maxsplit=1)
    return not fields or fields[0].replace(b".", b"", 1).isdigit()
