"""What a split of a data set holds, in a few numbers and one hash: cheap, and another one where the data change.

The pixels are not read. The hash covers the class names, the name and the size in bytes of every image file, and the
labels: a detector's boxes as they were read, a segmenter's mask files by name and size in bytes.
"""

import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from data.images import READ_THREADS

HASHED = {
    True: "SHA-256 of the class names, the name and the size in bytes of every image file, and the boxes as read",
    False: "SHA-256 of the class names, and the name and the size in bytes of every image and mask file",
}


def describe_split(reader: Any) -> dict[str, Any]:
    """Describe one split as plain values.

    Args:
        reader: a data set of this package, of boxes or of masks.

    Returns:
        images, boxes (None for masks), height and width (lowest and highest, pixels), sha256, hashed (what it is of).
    """
    boxes = None
    if hasattr(reader, "boxes"):  # rows below len: a reader may have been cut to its first images
        boxes = [array[reader.boxes[0] < len(reader)] for array in reader.boxes]
    digest = hashlib.sha256("\0".join(reader.classes.names).encode())
    add_files(digest, reader.image_paths)
    if boxes is None:
        add_files(digest, reader.mask_paths)
    else:
        for array in boxes:
            digest.update(np.ascontiguousarray(array).tobytes())
    heights, widths = np.asarray(reader.pixel_sizes if boxes is None else reader.sizes).T
    return {
        "images": len(reader),
        "boxes": None if boxes is None else len(boxes[0]),
        "height": [int(heights.min()), int(heights.max())],
        "width": [int(widths.min()), int(widths.max())],
        "sha256": digest.hexdigest(),
        "hashed": HASHED[boxes is not None],
    }


def add_files(digest: Any, paths: Iterable[str | Path]) -> None:
    """Add the names and sizes in bytes of files to a hash; where the folder is does not count."""
    named = [Path(path) for path in paths]
    with ThreadPoolExecutor(READ_THREADS) as pool:
        sizes = pool.map(lambda path: path.stat().st_size, named)
        digest.update("\0".join(f"{path.name}\0{size}" for path, size in zip(named, sizes, strict=True)).encode())
