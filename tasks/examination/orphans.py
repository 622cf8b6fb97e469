"""Files that are left over: images that no label names, labels and masks that no image has."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PureWindowsPath

from data.bounded.content import open_regular
from data.errors import InputError
from data.findings import Finding, Report
from data.folders import find_images_below
from data.formats.voc_layout import find_xml
from data.formats.voc_xml import read_xml
from data.formats.yolo_layout import list_label_folders
from data.image_files import FolderFiles
from data.images import find_images
from data.readers import BoxReader, MaskReader, Reader

BEGINNING = 4096  # bytes of a text file that its first word is looked for in
Files = tuple[list[Path], list[Path]]  # images, label files


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
    if name not in LABELS:
        return
    places: dict[Path, Files] = {}
    for reader in readers:
        places |= LABELS[name](reader)
    cure = "bring its image, or remove it: it is not used"
    for folder, (images, labels) in sorted(places.items()):
        stems = {path.stem for path in images}
        for path in labels:
            if path.stem not in stems:
                report(Finding("note", "label file without an image", str(path), f"no {path.stem} in {folder}", cure))


def list_yolo(reader: BoxReader) -> dict[Path, Files]:
    """Return the images and the label files of each folder of images."""
    places = {}
    for folder in {path.parent for path in list_images(reader)}:
        labels = sorted(list_label_folders(folder)[0].glob("*.txt"))
        places[folder] = find_images(folder), [path for path in labels if _holds_numbers(path)]
    return places


def list_voc(reader: BoxReader) -> dict[Path, Files]:
    """Return the images and the XML files of a split, less files of another name that say which image is theirs."""
    images = find_images_below(reader.folder)
    stems, names = {path.stem for path in images}, {path.name for path in images}
    labels = [path for path in find_xml(reader.source) if path.stem in stems or _read_filename(path) not in names]
    return {reader.folder: (images, labels)}


LABELS: dict[str, Callable[[BoxReader], dict[Path, Files]]] = {"voc": list_voc, "yolo": list_yolo}


def check_lone_masks(readers: Iterable[MaskReader], report: Report) -> None:
    """Report masks without an image, among the files that are named as those of the readers are."""
    pairs: dict[Path, list[tuple[Path, Path]]] = {}
    for reader in readers:
        for image, mask in zip(list_images(reader), reader.mask_paths.tolist(), strict=False):
            pairs.setdefault(Path(mask).parent, []).append((image, Path(mask)))
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
    """Return the paths of the image files that a reader reads; those in shards are none."""
    return [Path(path) for path in reader.image_paths.tolist()] if isinstance(reader.files, FolderFiles) else []


def find_ending(names: Sequence[str]) -> str:
    """Return what two or more file names all end with, from a mark on: "_gtFine_labelIds.png", or ".png"."""
    shortest = min(names, key=len)
    same = next((n for n in range(len(shortest)) if len({name[-n - 1] for name in names}) > 1), len(shortest))
    common = shortest[len(shortest) - same :]
    marks = [common.index(mark) for mark in "_." if mark in common]
    return common[min(marks) :] if marks else shortest[shortest.rindex(".") :]


def _holds_numbers(path: Path) -> bool:
    """Tell whether a text file begins with a number, as labels do, and not with the name of a class or a file."""
    try:
        with open_regular(path) as file:
            fields = file.read(BEGINNING).split(maxsplit=1)
    except (OSError, ValueError):
        return False
    return not fields or fields[0].replace(b".", b"", 1).isdigit()


def _read_filename(path: Path) -> str:
    """Return the name of the image that an XML file says it is of; "" where it cannot be read."""
    try:
        return PureWindowsPath(read_xml(path).filename).name
    except InputError:  # said where the labels are read
        return ""
