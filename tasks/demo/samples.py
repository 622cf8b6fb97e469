"""Images of the data set that a model was trained on, to begin with."""

from itertools import product
from pathlib import Path

from PIL import Image

from data.config import DatasetConfig
from data.images import find_images, load_image
from data.samples import space_evenly
from data.splits import Part

MOST = 12
PLACES = (  # of a split's images, under the data set's root, as the common trees have them
    "{split}",
    "images/{split}",
    "{split}/images",
    "coco/{split}",
    "leftImg8bit/{split}",
    "cityscapes/leftImg8bit/{split}",
    "JPEGImages",
    "images",
)
SIDE = 224  # pixels of a thumbnail's longer side


def find_samples(dataset: DatasetConfig) -> list[Path]:
    """Return up to `MOST` images of the evaluation split, evenly spaced; none where the data set is not there.

    Args:
        dataset: of the data that the model was trained on.
    """
    if not dataset.root or not dataset.val:
        return []
    for place, name in product(PLACES, Part("val", dataset.val).names):
        images = list_images(Path(dataset.root, place.format(split=name)))
        if images:
            return [images[index] for index in space_evenly(len(images), MOST)]
    return []


def list_images(folder: Path) -> list[Path]:
    """Return the images in a folder, or else those in its own folders; none where there is no such folder."""
    if not folder.is_dir():
        return []
    folders = sorted(path for path in folder.iterdir() if path.is_dir())
    return find_images(folder) or [image for inner in folders for image in find_images(inner)]


def make_thumbnail(path: Path) -> Image.Image:
    """Return a small RGB picture of an image file.

    Raises:
        InputError: if the file cannot be read.
    """
    image = Image.fromarray(load_image(path, least_side=SIDE))
    image.thumbnail((SIDE, SIDE))
    return image
