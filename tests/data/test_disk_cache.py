import errno
import logging
import os
import pickle
import shutil
import threading
import time

import numpy as np
import pytest
import torch

from data import disk_cache
from data.batches import collate_classification, collate_detection, collate_segmentation
from data.class_transforms import ClassificationTransform
from data.config import DatasetConfig
from data.datasets import open_boxes, open_labels, open_masks
from data.disk_cache import DIGEST, PARTS, DiskCache, keep_on_disk
from data.loading import Transformed, build_loader
from data.synthetic.writing import write_synthetic
from data.transforms import DetectionTransform, SegmentationTransform
from data.user_cache import find_folder

KINDS = {
    "classification": (open_labels, ClassificationTransform, collate_classification),
    "detection": (open_boxes, DetectionTransform, collate_detection),
    "segmentation": (open_masks, SegmentationTransform, collate_segmentation),
}
MUCH = 2**40  # bytes


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Keep pixels in a folder of the test's own, of files however young."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(disk_cache, "FRESH", -1.0)
    return find_folder(disk_cache.KIND)


@pytest.fixture(params=list(KINDS))
def kind(request):
    return request.param


@pytest.fixture
def reader(tmp_path, kind):
    """Return a reader of six scenes, or of six of their objects."""
    write_synthetic(tmp_path / "set", train=6, val=1)
    config = DatasetConfig("synthetic", str(tmp_path / "set"), "train", "val", scenes={"train": 6, "val": 1})
    return KINDS[kind][0](config, "train").subset(range(6))


@pytest.fixture
def reads(reader, monkeypatch):
    """Count which samples are decoded in this process."""
    counted, read = [], type(reader).read_pixels
    monkeypatch.setattr(type(reader), "read_pixels", lambda self, index: counted.append(index) or read(self, index))
    return counted


def keep(reader, *, most=MUCH):
    return keep_on_disk([reader], most=most)[0]


def entries(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def pixels(sample):
    return [sample.image, *([sample.mask] if hasattr(sample, "mask") else [])]


def assert_same(found, expected):
    for one, other in zip(pixels(found), pixels(expected), strict=True):
        np.testing.assert_array_equal(one, other)


def assert_all_same(found, expected):
    for index in range(6):
        assert_same(found[index], expected[index])


def run_epochs(kind, reader, *, workers=0):
    """Return all tensors of two epochs of training batches."""
    _, transform, collate = KINDS[kind]
    data = Transformed(reader, transform((32, 64)), seed=0)
    batches, found = build_loader(data, collate=collate, batch_size=2, shuffle=True, workers=workers), []
    for epoch in range(2):
        batches.sampler.set_epoch(epoch)
        found += [part for batch in batches for part in batch if isinstance(part, torch.Tensor)]
    return found


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_are_the_same_bit_for_bit_and_later_runs_decode_nothing(kind, reader, folder, workers, monkeypatch):
    expected = run_epochs(kind, reader)
    found = run_epochs(kind, keep(reader), workers=workers)
    assert all(map(torch.equal, found, expected))
    assert len(entries(folder)) == 6
    monkeypatch.setattr(type(reader), "read_pixels", None)
    again = run_epochs(kind, keep(reader), workers=workers)
    assert all(map(torch.equal, again, expected))


def test_an_entry_is_mapped_and_cannot_be_written_to(reader, reads):
    kept = keep(reader)
    for _ in range(2):
        for array in pixels(kept[0]):
            with pytest.raises(ValueError, match="read-only"):
                array[0, 0] = 0
    assert reads == [0]


def test_a_copy_for_another_process_finds_the_same_entries(reader, reads):
    kept = keep(reader)
    first = kept[2]
    assert_same(pickle.loads(pickle.dumps(kept))[2], first)
    assert reads == [2]


@pytest.mark.parametrize("spoil", [lambda content: content[:-1], lambda _: b"", lambda content: content + b"x"])
def test_an_entry_of_another_size_is_decoded_again_and_replaced(reader, reads, folder, spoil):
    expected = keep(reader)[0]
    (entry,) = entries(folder)
    whole = entry.read_bytes()
    entry.write_bytes(spoil(whole))
    assert_same(keep(reader)[0], expected)
    assert (reads, entry.read_bytes()) == ([0, 0], whole)


def test_an_entry_with_any_changed_byte_is_decoded_again(reader, reads, folder):
    expected = keep(reader)[0]
    (entry,) = entries(folder)
    whole = entry.read_bytes()
    places = [*range(0, len(whole), len(whole) // 5), len(whole) - DIGEST, len(whole) - 1]
    for place in places:
        entry.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert_same(keep(reader)[0], expected)
    assert reads == [0] * (1 + len(places))


def test_the_entry_of_another_sample_in_the_place_of_one_is_not_taken(reader, reads, folder):
    kept = keep(reader)
    expected = kept[0]
    (own,) = entries(folder)
    assert_same(kept[1], reader[1])
    (other,) = [entry for entry in entries(folder) if entry != own]
    shutil.copy(other, own)
    assert_same(keep(reader)[0], expected)


def test_a_pipe_or_a_folder_in_the_place_of_an_entry_stops_nothing(reader, folder):
    expected = keep(reader)[0]
    (entry,) = entries(folder)
    entry.unlink()
    os.mkfifo(entry)
    assert_same(keep(reader)[0], expected)
    entry.unlink()
    entry.mkdir()
    assert_same(keep(reader)[0], expected)


def test_pixels_changed_within_a_file_of_the_same_size_and_time_are_noticed(reader, reads):
    """Only the time of the change itself tells: nobody can set it."""
    kept = keep(reader)
    kept[0]
    path = reader.pixel_origin(0)[0][-1]
    before, content = path.stat(), path.read_bytes()
    time.sleep(0.02)  # longer than the clock of a file system ticks
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    kept[0]
    assert reads == [0, 0]


def test_files_that_were_written_just_now_are_not_kept(reader, reads, folder, monkeypatch):
    monkeypatch.setattr(disk_cache, "FRESH", 3600.0)
    kept = keep(reader)
    assert_same(kept[0], kept[0])
    assert (reads, entries(folder)) == ([0, 0], [])


def test_a_file_that_changes_while_it_is_read_is_not_kept(reader, folder, monkeypatch):
    read = type(reader).read_pixels

    def read_and_touch(self, index):
        arrays = read(self, index)
        os.utime(self.pixel_origin(index)[0][0])
        return arrays

    monkeypatch.setattr(type(reader), "read_pixels", read_and_touch)
    keep(reader)[0]
    assert entries(folder) == []


def test_other_code_and_another_way_to_decode_make_other_entries(reader, folder, monkeypatch):
    keep(reader)[0]
    monkeypatch.setattr(disk_cache, "hash_code", lambda: "another")
    keep(reader)[0]
    assert len(entries(folder)) == 2
    origin = type(reader).pixel_origin
    monkeypatch.setattr(type(reader), "pixel_origin", lambda self, index: (origin(self, index)[0], "another"))
    keep(reader)[0]
    assert len(entries(folder)) == 3


@pytest.mark.parametrize("kind", ["detection"], indirect=True)
def test_images_decoded_smaller_have_entries_of_their_own(reader, tmp_path, folder):
    assert_all_same(keep(reader), reader)
    config = DatasetConfig(
        "synthetic", str(tmp_path / "set"), "train", "val", scenes={"train": 6, "val": 1}, least_side=64
    )
    smaller = open_boxes(config, "train")
    assert smaller.pixel_origin(0)[1] != reader.pixel_origin(0)[1]
    assert_all_same(keep(smaller), smaller)
    assert len(entries(folder)) == 12


def test_masks_whose_values_stand_for_other_classes_have_entries_of_their_own(tmp_path, folder):
    for number in range(2):
        for name in ("images", "masks"):
            path = tmp_path / "set" / name / "train" / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(_draw(tmp_path, name), path)
    found = []
    for palette in ({"a": 0, "b": 1}, {"b": 1, "a": 0}):
        config = DatasetConfig("masks", str(tmp_path / "set"), "train", "train", palette=palette)
        found.append(keep(open_masks(config, "train"))[0].mask)
    assert (found[0] == 1 - found[1]).all()
    assert len(entries(folder)) == 2


def _draw(tmp_path, name):
    from PIL import Image

    path = tmp_path / f"{name}.png"
    values = np.arange(64, dtype=np.uint8).reshape(8, 8) % 2
    Image.fromarray(np.stack([values] * 3, axis=2) if name == "images" else values).save(path)
    return path


def test_nothing_is_written_into_the_data_set(reader, tmp_path):
    there = {path: path.stat().st_mtime_ns for path in (tmp_path / "set").rglob("*")}
    assert_all_same(keep(reader), reader)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "set").rglob("*")} == there


@pytest.mark.parametrize("kind", ["detection", "segmentation"], indirect=True)  # images of one size
def test_the_bound_is_kept_and_what_is_beyond_is_decoded_each_time(reader, reads, folder, caplog):
    size = sum(array.nbytes for array in pixels(reader[0])) + DIGEST
    with caplog.at_level(logging.WARNING):
        kept = keep(reader, most=PARTS * size)  # each part has room for one
    assert caplog.messages == []
    reads.clear()
    assert_all_same(kept, reader)
    held = entries(folder)
    assert len(held) == len({entry.parent for entry in held}) > 1
    with caplog.at_level(logging.WARNING):
        kept = keep(reader, most=3 * size)
    assert "about 50% of them are kept" in caplog.messages[0]
    shutil.rmtree(folder)
    assert_all_same(kept, reader)
    assert entries(folder) == []  # none has room for a whole one


@pytest.mark.parametrize("kind", ["detection", "segmentation"], indirect=True)  # images of one size
def test_what_no_run_has_used_for_long_makes_room_and_what_is_in_use_does_not(reader, folder, monkeypatch):
    monkeypatch.setattr(disk_cache, "PARTS", 1)
    size = sum(array.nbytes for array in pixels(reader[0])) + DIGEST
    kept = keep(reader, most=3 * size)
    for index in range(3):
        kept[index]
    first = entries(folder)
    kept[3]
    assert entries(folder) == first
    os.utime(first[1], (1000, 1000))
    kept[3]
    assert len(entries(folder)) == 3
    assert first[1] not in entries(folder)
    os.utime(first[0], (time.time() - 3000,) * 2)
    for index in range(4):
        kept[index]  # each use is noted
    assert first[0].stat().st_mtime > time.time() - 100


def test_a_full_disk_is_said_once_and_stops_nothing(reader, folder, monkeypatch, caplog):
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(disk_cache.shutil, "disk_usage", lambda path: usage._replace(free=2**20))
    with caplog.at_level(logging.WARNING):
        assert_all_same(keep(reader), reader)
    assert len(caplog.messages) == 1
    assert "no more decoded images are kept" in caplog.messages[0]
    assert entries(folder) == []


def test_a_write_that_fails_leaves_nothing_behind(reader, folder, monkeypatch, caplog):
    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(disk_cache, "hash_pixels", fail)
    with caplog.at_level(logging.WARNING):
        assert_all_same(keep(reader), reader)
    assert ["No space left on device" in message for message in caplog.messages] == [True]
    assert entries(folder) == []


def test_a_cache_that_cannot_be_written_stops_nothing(reader, folder, caplog):
    folder.parent.mkdir(parents=True)
    folder.write_text("in the way")
    with caplog.at_level(logging.WARNING):
        assert_all_same(keep(reader), reader)
    assert len(caplog.messages) == 1


def test_several_runs_at_once_leave_whole_entries(reader, folder):
    runs = [keep(reader) for _ in range(4)]
    threads = [threading.Thread(target=assert_all_same, args=(run, reader)) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(entries(folder)) == 6
    cache = DiskCache(reader.pixel_sizes, reader.channels, most=MUCH)
    assert all(cache._load(index, cache._find_key(index, reader)) is not None for index in range(6))
