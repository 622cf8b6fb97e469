"""ImageNet's classification set (ILSVRC2012) as it is unpacked: train/WNID, and val/WNID or val with the devkit.

Classes are named by their WordNet ids, sorted, which is the order of all published weights.
"""

import io
from pathlib import Path

from data.bounded.content import read_content
from data.classes import ClassTable
from data.errors import InputError
from data.findings import Report
from data.formats.class_folders import find_folder, list_classes, list_folders, read_classes
from data.images import find_images
from data.labels import LabeledImages
from data.splits import Part

TRUTH = "ILSVRC2012_validation_ground_truth.txt"  # of the devkit: a class's number a line, in the order of the images
DEVKIT = (
    "ILSVRC2012_devkit_t12/data",
    "ILSVRC2012_devkit_t12",
    "devkit/data",
    "data",
    ".",
)  # where it may be in the root
SYNSETS = "meta.mat"  # of the devkit: the WordNet id of each number


def read_imagenet(root: Path, part: Part, *, report: Report) -> LabeledImages:
    """Find the images of one split.

    Raises:
        InputError: if there is no such split, it holds no images, or their labels cannot be found or read.
    """
    folder = find_folder(root, part, may_be_flat=True)
    if list_folders(folder):
        return read_classes(folder, list_classes(folder, None), report=report, may_lack=part.role == "val")
    return read_devkit(root, folder)


def read_devkit(root: Path, folder: Path) -> LabeledImages:
    """Read the labels of images without folders out of the devkit, see `DEVKIT`.

    Raises:
        InputError: if its files are missing, or say something else than that there is a label for each image.
    """
    truth = next((path for place in DEVKIT if (path := root / place / TRUTH).is_file()), None)
    synsets = None if truth is None else truth.with_name(SYNSETS)
    if truth is None or synsets is None or not synsets.is_file():
        raise InputError(
            f"{folder}: no folders of classes; expected them, or ILSVRC2012_devkit_t12/data/{TRUTH} and {SYNSETS} "
            f"in {root}"
        )
    numbers, ids = read_truth(truth), read_synsets(synsets)
    images = find_images(folder)
    if len(images) != len(numbers):
        raise InputError(f"{truth}: {len(numbers)} labels for the {len(images)} images in {folder}; expected as many")
    unknown = sorted(set(numbers) - set(ids))
    if unknown:
        raise InputError(f"{truth}: class {unknown[0]}; expected the numbers in {synsets}, {min(ids)} to {max(ids)}")
    names = sorted(ids.values())
    places = {name: index for index, name in enumerate(names)}
    labelled = [(path.name, [places[ids[number]]]) for path, number in zip(images, numbers, strict=True)]
    return LabeledImages.create(truth, folder, ClassTable.create(names, range(len(names))), labelled)


def read_truth(path: Path) -> list[int]:
    """Return the numbers in a file, one a line.

    Raises:
        InputError: naming the first line that is none.
    """
    lines = read_content(path).decode(errors="replace").split()
    wrong = next((number for number, line in enumerate(lines, start=1) if not line.isdecimal()), None)
    if wrong is not None:
        raise InputError(f"{path}: line {wrong}: {lines[wrong - 1][:40]!r}; expected the number of a class")
    return [int(line) for line in lines]


def read_synsets(path: Path) -> dict[int, str]:
    """Return the WordNet id of each class's number; groups of classes, which have children, are left out.

    Raises:
        InputError: if the file is not the devkit's.
    """
    from scipy.io import loadmat  # late: slow, and needed for this alone
    from scipy.io.matlab import MatReadError

    try:
        rows = loadmat(io.BytesIO(read_content(path)), squeeze_me=True)["synsets"]
        return {int(row["ILSVRC2012_ID"]): str(row["WNID"]) for row in rows if int(row["num_children"]) == 0}
    except (KeyError, IndexError, TypeError, ValueError, OSError, MatReadError) as error:
        raise InputError(f"{path}: not readable ({error}); expected the devkit's table of classes") from error
