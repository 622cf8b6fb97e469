"""What the arrays of an index may hold: it may be anybody's, and say anything."""

import hashlib
import json

import msgspec
import numpy as np
import pytest
from safetensors.numpy import save

from data.classes import ClassTable
from data.config import DatasetConfig
from data.errors import InputError
from data.formats.stream import read_box_shards, read_label_shards, read_mask_shards
from data.shards.index import INDEX, SAMPLES, VERSION, File, Index, hash_index
from data.shards.samples import pack_names, read_split
from data.splits import Part

TRAIN = Part("train", "train")
READERS = {"boxes": read_box_shards, "masks": read_mask_shards, "labels": read_label_shards}
BYTES = 1000  # of a shard


def make_arrays(holds, *, names=("a", "b")):
    """Return the arrays of two images with three labels."""
    text, ends = pack_names(list(names))
    hashes = np.zeros((2, 16), np.uint8)
    arrays = {
        "shard": np.array([0, 0], np.int32),
        "offset": np.array([0, 600]),
        "length": np.array([600, 400]),
        "sha256": hashes,
        "size": np.full((2, 2), 32),
        "upright": np.ones(2, bool),
        "name_text": text,
        "name_end": ends,
    }
    if holds == "masks":
        places = {"mask_offset": arrays["offset"], "mask_length": arrays["length"], "mask_sha256": hashes}
        return {**arrays, **places, "file_text": text, "file_end": ends}
    arrays |= {"count": np.array([1, 2]), "label": np.array([0, 1, 1])}
    if holds == "boxes":
        boxes = {"box_xywh": np.full((3, 4), 8.0), "area": np.full(3, 64.0), "crowd": np.zeros(3, bool)}
        arrays |= {"image_id": np.array([4, 7]), **boxes}
    return arrays


def write_index(root, holds, arrays, **classes):
    """Write a split of one shard that is not there, whose hashes fit, and return the configuration that reads it."""
    content = save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
    index = Index(
        version=VERSION,
        holds=holds,
        classes=ClassTable.create(["cat", "dog"], [1, 2]).to_dict() | classes,
        source="",
        images=2,
        samples=File(SAMPLES, len(content), hashlib.sha256(content).hexdigest()),
        shards=[File("chunk-0-0.bin", BYTES, "0" * 64)],
    )
    index.sha256 = hash_index(index)
    (root / "train").mkdir()
    (root / "train" / SAMPLES).write_bytes(content)
    (root / "train" / INDEX).write_text(json.dumps(msgspec.to_builtins(index)))
    return DatasetConfig("stream", str(root), "train", "val")


@pytest.mark.parametrize("holds", READERS)
def test_arrays_are_read_as_they_were_written(tmp_path, holds):
    found = READERS[holds](write_index(tmp_path, holds, make_arrays(holds)), TRAIN)
    files = found.packed.files
    assert [path.rpartition("/")[2] for path in files.paths.tolist()] == ["a", "b"]


@pytest.mark.parametrize(
    ("holds", "changes", "message"),
    [
        ("labels", {"offset": [0, 601]}, r"offset, length: 400 bytes from 601 of chunk-0-0.bin; .* its 1000 bytes"),
        ("labels", {"length": [2**62, 400]}, r"offset, length: 4611686018427387904 bytes from 0 of chunk-0-0.bin"),
        ("labels", {"offset": [-1, 600]}, r"offset, length: 600 bytes from -1 of"),
        ("labels", {"length": [600, -400]}, r"offset, length: -400 bytes"),
        ("labels", {"offset": [-(2**63), 600]}, r"offset, length: 600 bytes"),
        ("masks", {"mask_length": [2**62, 1]}, r"mask_offset, mask_length: 4611686018427387904 bytes"),
        ("labels", {"shard": np.array([0, 1], np.int32)}, "shard: beyond the 1 shards"),
        ("labels", {"shard": np.array([-1, 0], np.int32)}, "shard: beyond the 1 shards"),
        ("labels", {"size": [[0, 32], [32, 32]]}, "size: of an image without pixels"),
        ("labels", {"size": [[2**40, 2**40], [32, 32]]}, "size: of an image without pixels, or with more than any"),
        ("labels", {"count": [2**60, 2]}, "count: not that of 3 labels"),
        ("boxes", {"count": [-1, 4]}, "count: not that of 3 labels"),
        ("boxes", {"count": [1, 1]}, "count: not that of 3 labels"),
        ("boxes", {"label": [0, 1, 2]}, "label: of no class; expected 0 to 1"),
        ("boxes", {"image_id": [4, 4]}, "image_id: the same of several images"),
        ("boxes", {"box_xywh": [[1.0] * 4] * 2}, r"box_xywh: float64 \(2, 4\); expected <f8 \(3, 4\)"),
        ("labels", {"name_end": [2, 1]}, "name: a name without letters, or of more than 4096 bytes"),
        ("labels", {"name_end": [1, 2**62]}, "name: a name without letters"),
        ("labels", {"name_end": [0.5, 2.0]}, "name: uint8 .* float64 .* are no names"),
        ("labels", {"name_text": list(b"aa")}, "name: .*are no names and their ends"),
        ("labels", {"name_text": np.frombuffer(b"aa", np.uint8)}, "name: 1 names; expected 2, one for each image"),
    ],
)
def test_what_cannot_be_is_named(tmp_path, holds, changes, message):
    arrays = make_arrays(holds) | {name: np.array(values) for name, values in changes.items()}
    config = write_index(tmp_path, holds, arrays)
    with pytest.raises(InputError, match=rf"train/shards.json: samples: {message}"):
        READERS[holds](config, TRAIN)


@pytest.mark.parametrize("name", ["../../notes", "/tmp/notes", "a/b", "a\0b"])
def test_results_of_an_image_stay_in_their_folder(tmp_path, name):
    config = write_index(tmp_path, "masks", make_arrays("masks", names=("a", name)))
    with pytest.raises(InputError, match=r"name: .*; expected the name of a file without a folder"):
        read_mask_shards(config, TRAIN)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ({"ids": [1, 2**40]}, "classes: ids: expected values of a mask, 0 to 65535"),
        ({"ids": [-1, 2]}, "classes: ids: expected values of a mask"),
        ({"colors": [[0, 0, 0], [0, 0, 256]]}, "classes: colors: expected integers from 0 to 255"),
        ({"categories": ["", 7]}, "classes: categories that are no strings"),
    ],
)
def test_classes_that_no_mask_has_are_refused(tmp_path, classes, message):
    config = write_index(tmp_path, "masks", make_arrays("masks"), **classes)
    with pytest.raises(InputError, match=message):
        read_mask_shards(config, TRAIN)


def test_an_image_with_the_hash_of_another_is_not_taken_for_it(tmp_path):
    files = read_label_shards(write_index(tmp_path, "labels", make_arrays("labels")), TRAIN).packed.files
    assert files.hash_all() == ["0" * 32] * 2
    assert files.origin(0) != files.origin(1)


def test_an_address_may_end_in_a_slash(monkeypatch):
    asked = []
    monkeypatch.setattr("data.shards.samples.is_there", lambda place, patience: asked.append(place))
    with pytest.raises(InputError, match=r"s3://bucket/set/train/shards\.json, as tasks.shard writes it"):
        read_split(DatasetConfig("stream", "s3://bucket/set/", "train", "val"), Part("train", "train"), holds="boxes")
    assert asked
    assert all(place.startswith("s3://bucket/set/train") for place in asked)
