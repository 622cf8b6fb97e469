"""Shards give what the files gave that they were made of."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from data.config import GB, DatasetConfig
from data.errors import InputError
from data.findings import refuse
from data.inventory import compare_inventories, take_inventory
from data.loading import Transformed, build_loader
from data.shards.store import ShardStore
from tasks.task import KINDS
from tests.support.runs import load_config
from tests.support.shards import SETS, write_files, write_shards

TASKS = {"ssdlite": KINDS["detection"], "lraspp": KINDS["segmentation"], "classify": KINDS["classification"]}


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[DatasetConfig, DatasetConfig]]:
    """Return for each task its data set in files and in shards."""
    found = {}
    for task in SETS:
        root = tmp_path_factory.mktemp(task)
        options = write_files(task, root / "files")
        found[task] = load_config("doctor", *options).dataset, write_shards(root / "shards", *options)
    return found


def open_both(sets, task, role="train", **changes):
    return [
        TASKS[task].parts.open_reader(replace(config, **changes), role, classes=None, report=refuse)
        for config in sets[task]
    ]


def equal(one, other):
    if isinstance(one, torch.Tensor | np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and bool((one == other).all())
    return one == other


@pytest.mark.parametrize("role", ["train", "val"])
@pytest.mark.parametrize("task", SETS)
def test_every_sample_is_the_same(sets, task, role):
    files, shards = open_both(sets, task, role)
    assert len(files) == len(shards) > 5
    assert files.classes == shards.classes
    assert len(json.loads((Path(sets[task][1].root) / role / "shards.json").read_text())["shards"]) > 1
    for index in range(len(files)):
        one, other = vars(files[index]), vars(shards[index])
        assert all(equal(value, other[name]) for name, value in one.items()), index


@pytest.mark.parametrize("block", [None, 3])
@pytest.mark.parametrize("task", SETS)
def test_training_gets_the_same_batches(sets, task, block):
    parts, batches = TASKS[task].parts, []
    for reader in open_both(sets, task):
        data = Transformed(reader, parts.resize_whole((64, 64), rule="bilinear"), seed=3)
        loader = build_loader(data, collate=parts.collate, batch_size=4, shuffle=True, workers=0, block=block)
        batches.append([value for epoch in range(2) for batch in take_epoch(loader, epoch) for value in batch])
    assert len(batches[0]) == len(batches[1]) > 6
    assert all(map(equal, *batches))


def take_epoch(loader, epoch):
    loader.sampler.set_epoch(epoch)
    return list(loader)


@pytest.mark.parametrize("task", SETS)
def test_a_share_of_a_split_has_the_same_images(sets, task):
    for role in ("train", "val"):
        files, shards = open_both(sets, task, role, val_share=0.3)
        assert files.names.tolist() == shards.names.tolist()
        assert all(equal(files[index].image, shards[index].image) for index in range(len(files)))


@pytest.mark.parametrize("task", SETS)
def test_several_splits_are_read_as_one(sets, task):
    one = replace(sets[task][1], train=["train", "val"])
    reader = TASKS[task].parts.open_reader(one, "train", classes=None, report=refuse)
    parts = [open_both(sets, task, role)[1] for role in ("train", "val")]
    assert len(reader) == sum(map(len, parts))
    assert equal(reader[len(parts[0])].image, parts[1][0].image)


@pytest.mark.parametrize("task", ["ssdlite", "classify"])
def test_the_hash_of_the_data_is_that_of_the_files(sets, task):
    files, shards = open_both(sets, task)
    assert files.fingerprint() == shards.fingerprint()


@pytest.mark.parametrize("task", SETS)
def test_the_inventory_tells_whether_an_image_changed(sets, task, tmp_path):
    shards = open_both(sets, task)[1]
    before = take_inventory(shards, deep=True)
    assert compare_inventories("train", before, take_inventory(shards, deep=True)) == []
    options = write_files(task, tmp_path / "files")
    first, *_, last = (Path(path) for path in sorted(shards.names.tolist()))
    images = {path.stem: path for path in (tmp_path / "files").rglob("*.png") if "masks" not in path.parts}
    if task != "classify":  # whose images are numbered in each folder
        shutil.copy(images[last.stem], images[first.stem])
    else:
        shutil.copy(tmp_path / "files/train" / last, tmp_path / "files/train" / first)
    config = write_shards(tmp_path / "shards", *options)
    changed = TASKS[task].parts.open_reader(config, "train", classes=None, report=refuse)
    (change,) = compare_inventories("train", before, take_inventory(changed, deep=True))
    assert change.what == "train: images changed: 1"


def test_of_large_images_those_beyond_the_limit_are_named(sets):
    with pytest.raises(InputError, match=r"train_00.png: size is height 96 x width 96"):
        open_both(sets, "ssdlite", max_pixels=1000)


@pytest.mark.parametrize(
    ("task", "other", "wanted"), [("ssdlite", "lraspp", "boxes"), ("classify", "ssdlite", "labels")]
)
def test_shards_for_another_task_are_refused(sets, task, other, wanted):
    with pytest.raises(InputError, match=rf"shards.json: holds \w+; expected {wanted}"):
        TASKS[task].parts.open_reader(sets[other][1], "train", classes=None, report=refuse)


def copy(sets, task, tmp_path):
    config = sets[task][1]
    shutil.copytree(config.root, tmp_path / "copy")
    return tmp_path / "copy/train", replace(config, root=str(tmp_path / "copy"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("shards.json", "shards.json: .*expected what tasks.shard w"),
        ("samples.safetensors", "samples.safetensors: SHA-256 is .*; expected the file as tasks.shard wrote it"),
    ],
)
def test_a_damaged_index_is_named(sets, tmp_path, name, message):
    folder, config = copy(sets, "ssdlite", tmp_path)
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        TASKS["ssdlite"].parts.open_reader(config, "train", classes=None, report=refuse)


def test_a_damaged_shard_is_named_when_it_is_read(sets, tmp_path):
    folder, config = copy(sets, "ssdlite", tmp_path)
    path = folder / "chunk-0-1.bin"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    reader = TASKS["ssdlite"].parts.open_reader(config, "train", classes=None, report=refuse)
    assert reader[0].image.any()
    with pytest.raises(InputError, match=r"train/chunk-0-1.bin: SHA-256 is"):
        list(map(reader.__getitem__, range(len(reader))))


def test_without_an_index_there_is_no_split(sets, tmp_path):
    folder, config = copy(sets, "ssdlite", tmp_path)
    (folder / "shards.json").unlink()
    with pytest.raises(InputError, match=r"no split 'train'; expected .*shards.json, as tasks.shard writes it"):
        TASKS["ssdlite"].parts.open_reader(config, "train", classes=None, report=refuse)


@pytest.mark.parametrize("root", ["s3://", "ftp://host/set", "s3:///set"])
def test_an_address_that_is_none_is_refused(root):
    config = DatasetConfig("stream", root, "train", "val")
    with pytest.raises(InputError, match=r"dataset.root: .*expected s3://BUCKET/NAME"):
        TASKS["ssdlite"].parts.open_reader(config, "train", classes=None, report=refuse)


@pytest.mark.parametrize("task", SETS)
def test_images_of_shards_are_decoded_whole(sets, task):
    with pytest.raises(InputError, match=r"dataset.least_side: 64; expected null, as shards are decoded whole"):
        open_both(sets, task, least_side=64)


def test_an_order_that_would_fetch_each_shard_again_and_again_is_refused(sets, monkeypatch):
    reader = open_both(sets, "ssdlite")[1]
    monkeypatch.setattr(ShardStore, "count_fetched", lambda store: 30 * GB)
    with pytest.raises(InputError, match=r"dataset.shards_gb=20: .* 30.0 GB.* or dataset.shuffle_block=\d"):
        reader.files.check_shuffle(None)
    reader.files.check_shuffle(4)
    with pytest.raises(InputError, match="or smaller blocks"):
        reader.files.check_shuffle(10_000_000)
