"""What a split of a data set holds, in a few numbers and one hash: cheap, and another one where the data change.

The pixels are not read. The hash covers the class names in their order, and the images in any order: the name and the
size in bytes of the file of each, and its labels, which a reader of boxes gives as bytes, one of masks as the name and
the size in bytes of the mask file.
"""

import hashlib
import os
from collections.abc import Iterable
from typing import Any

import numpy as np

from data.classes import ClassTable
from data.image_files import ImageFiles
from data.labels import BoxList

HASHED = "SHA-256 of the class names, the name and the size in bytes of every image file"


def describe(classes: ClassTable, files: ImageFiles, sizes: np.ndarray, *, labels: Iterable[bytes]) -> dict[str, Any]:
    """Describe one split as plain values.

    Args:
        classes: of the labels.
        files: of the N images.
        sizes: (N, 2) int64, height and width in pixels.
        labels: N times what is labelled in an image.

    Returns:
        images, height and width (lowest and highest, pixels), sha256.
    """
    images = zip(stamp_files(files), labels, strict=True)
    digest = hashlib.sha256("\0".join(classes.names).encode(errors="surrogatepass"))
    for image in sorted(hashlib.sha256(b"\0".join(parts)).digest() for parts in images):
        digest.update(image)
    heights, widths = sizes.T
    return {
        "images": len(sizes),
        "height": [int(heights.min()), int(heights.max())],
        "width": [int(widths.min()), int(widths.max())],
        "sha256": digest.hexdigest(),
    }


def stamp_files(files: ImageFiles) -> list[bytes]:
    """Return the name and the size in bytes of each file; where its folder is does not count."""
    sizes, _ = files.measure()
    names = [os.path.basename(path) for path in files.paths.tolist()]  # noqa: PTH119  # of 100,000 paths
    return [f"{name}\0{size}".encode(errors="surrogatepass") for name, size in zip(names, sizes, strict=True)]


def dump_boxes(boxes: BoxList, offsets: np.ndarray) -> list[bytes]:
    """Return the boxes of each image as bytes, the same for the same boxes in another order.

    Args:
        boxes: M boxes, sorted by image.
        offsets: (N + 1,) int64; image i owns the boxes offsets[i] to offsets[i + 1].
    """
    table = np.column_stack([boxes.rows, boxes.labels, boxes.boxes_xywh, boxes.areas, boxes.crowd])  # (M, 8)
    table = table[np.lexsort(table.T[::-1])][:, 1:]  # (M, 7), still sorted by image
    return [part.tobytes() for part in np.split(table, offsets[1:-1])]
