"""The objects of the synthetic scenes as images of their own, one folder a class: what a classifier learns from."""

from pathlib import Path
from tempfile import TemporaryDirectory

import cv2

from data.findings import refuse
from data.formats.coco import read_coco
from data.images import load_image
from data.splits import ROLES, Part
from data.synthetic.writing import write_image

FOLDER = "objects"
MARGIN = 0.15  # of a box's sides, that is left around it
MIN_SIDE = 12  # pixels of a box; in smaller ones nothing can be recognised


def write_objects(root: Path) -> Path:
    """Cut the objects out of the scenes in root/coco into root/objects/SPLIT/CLASS, unless they are there.

    Groups and boxes with a side below MIN_SIDE are left out. Files are named by the scene and the box.

    Args:
        root: of the synthetic set.

    Returns:
        The folder, which is there as a whole or not at all.
    """
    folder = root / FOLDER
    if folder.is_dir():
        return folder
    with TemporaryDirectory(prefix=f".{FOLDER}-", dir=root) as temporary:
        draft = Path(temporary) / FOLDER
        for role in ROLES:
            _cut_split(root / "coco", role, draft / role)
        try:
            draft.rename(folder)
        except OSError:
            if not folder.is_dir():  # unless another process was faster
                raise
    return folder


def _cut_split(coco: Path, role: str, folder: Path) -> None:
    """Write the objects of one split."""
    labels = read_coco(coco, Part("train", role), report=refuse)
    boxes, names = labels.boxes, labels.images.names.tolist()
    for name in labels.classes.names:
        (folder / name).mkdir(parents=True)
    shown, image = -1, None
    for row, label, box, crowd, number in zip(
        boxes.rows.tolist(),
        boxes.labels.tolist(),
        boxes.boxes_xywh.tolist(),
        boxes.crowd.tolist(),
        boxes.ids.tolist(),
        strict=True,
    ):
        left, top, width, height = box
        if crowd or min(width, height) < MIN_SIDE:
            continue
        if image is None or row != shown:
            shown, image = row, cv2.cvtColor(load_image(labels.folder / names[row]), cv2.COLOR_RGB2BGR)
        rows = slice(max(0, round(top - MARGIN * height)), round(top + (1 + MARGIN) * height))
        columns = slice(max(0, round(left - MARGIN * width)), round(left + (1 + MARGIN) * width))
        stem = f"{Path(names[row]).stem}_{number:06d}"
        write_image(folder / labels.classes.names[label] / f"{stem}.png", image[rows, columns])
