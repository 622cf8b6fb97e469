"""One folder a class: root/SPLIT/CLASS/x.jpg, or root/CLASS/x.jpg where all of it is one split."""

from collections.abc import Sequence
from pathlib import Path

from data.classes import ClassTable
from data.errors import InputError
from data.findings import Finding, Level, Report
from data.folders import find_images_below, no_images
from data.images import find_images
from data.labels import LabeledImages
from data.splits import MACOS, Part

Images = list[tuple[str, list[int]]]  # name, class indices


def read_folders(root: Path, part: Part, *, names: Sequence[str] | None, report: Report) -> LabeledImages:
    """Find the images of one split; images may lie deeper in the folder of their class.

    Args:
        root: the folder of the data set.
        part: which split; of one that has none, all of it is taken where a share of it is evaluated on.
        names: of the classes, in the order of their indices; None: those of the folders, sorted as text.
        report: takes classes without images and images without a class.

    Raises:
        InputError: if there is no such split, it holds no images, or `names` are not those of its folders.
    """
    folder = find_folder(root, part)
    return read_classes(folder, list_classes(folder, names), report=report, may_lack=part.role == "val")


def find_folder(root: Path, part: Part, *, may_be_flat: bool = False) -> Path:
    """Return the folder in which there is one for each class.

    Args:
        root: the folder of the data set.
        part: which split.
        may_be_flat: whether a split's folder may hold images in place of folders. Where it may not, a folder without
            folders among others is a class: "train" beside "bus" and "car".

    Raises:
        InputError: if there is no such split.
    """
    found = next((root / name for name in part.names if (root / name).is_dir()), None)
    if found is not None and (may_be_flat or list_folders(found) or list_folders(root) == [found.name]):
        return found
    there = list_folders(root)
    single = bool(there) and all(find_images(root / name) for name in there)  # class folders hold images themselves
    if single and part.share is not None:
        return root
    raise part.missing(root, f"{part.split}/CLASS/ ({', '.join(there[:8]) or 'no folders'} there)", one_split=single)


def list_folders(folder: Path) -> list[str]:
    """Return the names of the folders in a folder, sorted; hidden ones are left out."""
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith((".", MACOS)))


def list_classes(folder: Path, names: Sequence[str] | None) -> ClassTable:
    """Return the classes of the folders in a folder.

    Raises:
        InputError: if there are none, or `names` lacks one of them.
    """
    there = list_folders(folder)
    if not there:
        raise InputError(f"{folder}: no folders; expected one for each class, with its images")
    if names is None:
        return ClassTable.create(there, range(len(there)))
    unknown = [name for name in there if name not in names]
    if unknown:
        raise InputError(
            f"dataset.names: {folder} holds {', '.join(unknown[:8])} too; expected the name of each folder"
        )
    return ClassTable.create(names, range(len(names)))


def read_classes(folder: Path, classes: ClassTable, *, report: Report, may_lack: bool) -> LabeledImages:
    """Find the images in the folders of some classes.

    Args:
        folder: of the classes' folders.
        classes: the K classes.
        report: takes a folder without images, as an error unless `may_lack`; and images that are in no class's folder.
        may_lack: whether there need not be images of each class.

    Raises:
        InputError: if there is no image at all.
    """
    images: Images = []
    for label, name in enumerate(classes.names):
        found = find_images_below(folder / name) if (folder / name).is_dir() else []
        if not found:
            wanted = "expected images of this class, or no folder of its name"
            level: Level = "warning" if may_lack else "error"
            report(Finding(level, "class without images", str(folder / name), "no images in it", wanted))
        images += [(path.relative_to(folder).as_posix(), [label]) for path in found]
    if not images:
        raise no_images(folder)
    lone = find_images(folder)
    if lone:
        found_lone = f"{len(lone)} images are in the folder of no class (first: {lone[0].name}): ignored"
        cure = "expected them in the folder of their class"
        report(Finding("warning", "image without a class", str(folder), found_lone, cure, tuple(map(str, lone))))
    return LabeledImages.create(folder, folder, classes, images)
