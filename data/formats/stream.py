"""Shards as `python -m tasks.shard` writes them, in a folder or in object storage: root/SPLIT/shards.json and others.

Whatever format they were made of, what is read is what its reader gave: the same images in the same order, under the
same names and ids, with the same labels.
"""

from functools import partial
from pathlib import Path

import numpy as np

from data.bounded.content import Content
from data.config import GB, DatasetConfig
from data.errors import InputError
from data.findings import fault
from data.images import load_mask
from data.labels import BoxList, ImageList, LabeledImages, Labels, MaskFiles, Packed
from data.samples import IGNORE
from data.shards.files import LEAST_SHARDS, ShardFiles
from data.shards.samples import (
    Shapes,
    Split,
    check_array,
    check_arrays,
    check_counts,
    check_spans,
    read_split,
    unpack_names,
)
from data.shards.store import Shard, ShardStore
from data.splits import Part

MASK_PLACES = {"mask_offset": ("<i8", ()), "mask_length": ("<i8", ()), "mask_sha256": ("|u1", (16,))}
MASK_SUFFIX = ".png"
LARGEST_VALUE = 2**16 - 1  # of a mask
BOXES: Shapes = {"box_xywh": ("<f8", (4,)), "area": ("<f8", ()), "crowd": ("|b1", ())}


def read_box_shards(config: DatasetConfig, part: Part) -> Labels:
    """Read the index of images with boxes."""
    split = read_split(config, part, holds="boxes")
    arrays, place = split.arrays, split.place
    check_arrays(split, {"image_id": ("<i8", ())})
    if len(np.unique(arrays["image_id"])) < len(arrays["image_id"]):
        raise split.refuse("image_id: the same of several images", "one for each")
    names = read_names(split, "name")
    rows = read_rows(split, BOXES)
    boxes = BoxList(
        np.arange(len(rows)), rows, arrays["label"], arrays["box_xywh"], arrays["area"], arrays["crowd"].astype(bool)
    )
    return Labels(
        Path(place),
        Path(place),
        split.classes,
        ImageList(arrays["image_id"], names, [None] * len(names)),  # their sizes are packed
        boxes,
        place=partial(_place, place),
        numbered=split.index.numbered,
        packed=Packed(open_files(config, split, names), arrays["size"], arrays["upright"].astype(bool)),
    )


def read_label_shards(config: DatasetConfig, part: Part) -> LabeledImages:
    """Read the index of images with the classes that they show."""
    split = read_split(config, part, holds="labels")
    arrays, place = split.arrays, split.place
    if split.index.multilabel != config.multilabel:
        wanted = str(split.index.multilabel).lower()
        raise InputError(f"dataset.multilabel: {str(config.multilabel).lower()}; expected {wanted}, as {place} has it")
    names = read_names(split, "name")
    rows = read_rows(split, {})
    packed = Packed(open_files(config, split, names), arrays["size"], arrays["upright"].astype(bool))
    return LabeledImages(Path(place), Path(place), split.classes, names.tolist(), rows, arrays["label"], packed)


def read_mask_shards(config: DatasetConfig, part: Part) -> MaskFiles:
    """Read the index of images with masks."""
    split = read_split(config, part, holds="masks")
    check_arrays(split, MASK_PLACES)
    check_spans(split, "mask_offset", "mask_length")
    arrays, files = split.arrays, open_files(config, split, read_names(split, "file"))
    stems = read_names(split, "name")
    check_stems(split, stems.tolist())
    if not all(0 <= value <= LARGEST_VALUE for value in split.classes.ids):
        raise InputError(f"{split.place}: classes: ids: expected values of a mask, 0 to {LARGEST_VALUE}")
    masks = files.beside(
        np.array([f"{stem}{MASK_SUFFIX}" for stem in stems.tolist()], dtype=str),
        offsets=arrays["mask_offset"],
        lengths=arrays["mask_length"],
        hashes=arrays["mask_sha256"],
    )
    packed = Packed(files, arrays["size"], arrays["upright"].astype(bool), masks)
    read = partial(read_indices, count=len(split.classes))
    whole = MaskFiles(Path(split.place), split.classes, [], [], stems.tolist(), read, packed=packed)
    return whole.take(part.select(read_names(split, "file").tolist()))


def read_indices(file: Path | Content, *, count: int) -> np.ndarray:
    """Read a mask of class indices, or IGNORE: (H, W) uint8.

    Raises:
        InputError: a fault, if it cannot be read, or holds anything else.
    """
    mask = load_mask(file, most_pixels=None)
    found = np.unique(mask)
    wrong = found[(found >= count) & (found != IGNORE)]
    if len(wrong):
        raise fault("value in a mask", file, f"holds {wrong[:5].tolist()}", f"expected 0 to {count - 1}, or {IGNORE}")
    return mask


def open_files(config: DatasetConfig, split: Split, names: np.ndarray) -> ShardFiles:
    """Return the images of a split, of these names.

    Raises:
        InputError: if the cache would not hold the shards in use.
    """
    shards = [Shard(f"{split.place}/{file.file}", file.bytes, file.sha256) for file in split.index.shards]
    store = ShardStore(shards, most=int(config.shards_gb * GB), patience=config.patience)
    largest = max((shard.bytes for shard in shards), default=0)
    if store.count_fetched() > store.most < LEAST_SHARDS * largest:
        raise InputError(
            f"dataset.shards_gb={config.shards_gb:g}: the largest shard takes {largest / GB:.2f} GB; expected "
            f"{LEAST_SHARDS} times as many, or shards that are smaller, tasks.shard shard_mb=N"
        )
    arrays = split.arrays
    return ShardFiles(
        store,
        split.place,
        names,
        shards=arrays["shard"],
        offsets=arrays["offset"],
        lengths=arrays["length"],
        hashes=arrays["sha256"],
    )


def read_names(split: Split, kind: str) -> np.ndarray:
    """Return names of N samples, each once.

    Raises:
        InputError: if there are not as many.
    """
    try:
        names = unpack_names(split.arrays[f"{kind}_text"], split.arrays[f"{kind}_end"])
    except (KeyError, ValueError) as error:
        raise split.refuse(f"{kind}: {error}", "what tasks.shard writes") from error
    if len(names) != split.index.images or len(set(names.tolist())) < len(names):
        raise split.refuse(f"{kind}: {len(set(names.tolist()))} names", f"{split.index.images}, one for each image")
    return names


def check_stems(split: Split, stems: list[str]) -> None:
    """Check that names are good as those of files: what is written for an image stays in the folder that it goes to.

    Raises:
        InputError: naming the first that is not.
    """
    wrong = [stem for stem in stems if "/" in stem or "\0" in stem]
    if wrong:
        raise split.refuse(f"name: {wrong[0]!r}", "the name of a file without a folder")


def read_rows(split: Split, more: Shapes) -> np.ndarray:
    """Return the positions of the images that M labels are of, (M,) int64, sorted.

    Args:
        split: whose labels these are.
        more: arrays of M, beside the labels' own.

    Raises:
        InputError: if the arrays do not fit each other, or a label is of no class.
    """
    check_counts(split, "label")
    arrays = split.arrays
    rows = np.repeat(np.arange(split.index.images), arrays["count"])
    for name, (kind, shape) in {"label": ("<i8", ()), **more}.items():
        check_array(split, name, kind, (len(rows), *shape))
    if len(rows) and not 0 <= arrays["label"].min() <= arrays["label"].max() < len(split.classes):
        raise split.refuse("label: of no class", f"0 to {len(split.classes) - 1}")
    return rows


def _place(place: str, name: str, number: int) -> str:
    """Say where a box stands."""
    return f"{place}: {name}: box {number}"
