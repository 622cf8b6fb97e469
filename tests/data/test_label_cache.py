import json
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from data import label_cache
from data.findings import Finding
from data.formats import coco
from data.formats.coco import read_coco
from data.label_cache import KIND, load_entry, save_entry
from data.splits import Part
from data.user_cache import find_folder
from tests.support.coco_files import content, write


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Keep labels of any size, in a folder of the test's own, which is returned."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(coco, "LEAST_BYTES", 1)
    return find_folder(KIND)


@pytest.fixture
def packs(monkeypatch):
    """Count how often a file is packed, which one from the cache is not."""
    counted, pack = [], coco.pack
    monkeypatch.setattr(coco, "pack", lambda content: counted.append(len(content)) or pack(content))
    return counted


def read(tmp_path: Path) -> tuple[list, list[Finding]]:
    findings: list[Finding] = []
    labels = read_coco(tmp_path, Part("train", "images", annotations="set.json"), report=findings.append)
    boxes, images = labels.boxes, labels.images
    columns = [
        boxes.ids,
        boxes.rows,
        boxes.labels,
        boxes.boxes_xywh,
        boxes.areas,
        boxes.crowd,
        images.ids,
        images.names,
    ]
    return [labels.classes, images.sizes, *((c.dtype, c.tolist()) for c in columns)], findings


def as_text(values: tuple[list, list[Finding]]) -> str:
    """Return values so that NaN is equal to itself."""
    return repr(values)


def entries(cache: Path) -> list[Path]:
    return sorted(cache.iterdir()) if cache.is_dir() else []


def test_a_second_start_reads_the_same_from_the_cache_and_says_the_same(tmp_path, cache, packs):
    values = content()
    values["images"][2]["file_name"] = values["images"][1]["file_name"]  # a warning
    values["images"][0]["file_name"] = "elsewhere/7.png"  # a note
    values["images"][1] |= {"height": None}
    values["annotations"][0]["segmentation"] = [[10.0, 5.0, 30.5, 5.0, 30.5, 35.0]]
    write(tmp_path, values)
    first = read(tmp_path)
    assert (len(packs), len(entries(cache))) == (1, 1)
    assert {finding.kind for finding in first[1]} >= {"file under several ids", "file name spelled differently"}
    assert as_text(read(tmp_path)) == as_text(first)
    assert len(packs) == 1


def test_one_byte_changed_in_a_file_of_the_same_size_and_time_is_noticed(tmp_path, packs):
    _, path = write(tmp_path, content())
    before = path.stat()
    read(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"20.5", b"20.6"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert "20.6" in as_text(read(tmp_path))
    assert len(packs) == 2


def test_other_code_that_reads_makes_other_entries(tmp_path, cache, packs, monkeypatch):
    write(tmp_path, content())
    read(tmp_path)
    monkeypatch.setattr(label_cache, "hash_code", lambda: "another")
    read(tmp_path)
    assert (len(packs), len(entries(cache))) == (2, 2)


def test_images_that_moved_since_are_looked_for_again(tmp_path):
    images, _ = write(tmp_path, content())
    assert read(tmp_path)[1][-1].kind != "file name spelled differently"
    (images / "7.png").rename(images / "7.PNG")
    assert "file name spelled differently" in {finding.kind for finding in read(tmp_path)[1]}


def test_a_file_in_which_something_is_wrong_is_read_anew_each_time(tmp_path, cache, packs):
    values = content()
    values["annotations"][1]["image_id"] = 99
    write(tmp_path, values)
    first, second = read(tmp_path), read(tmp_path)
    assert as_text(first) == as_text(second)
    assert "unknown image" in {finding.kind for finding in second[1]}
    assert (len(packs), entries(cache)) == (2, [])


def test_small_files_are_not_kept(tmp_path, cache, monkeypatch):
    monkeypatch.setattr(coco, "LEAST_BYTES", 2**22)
    write(tmp_path, content())
    read(tmp_path)
    assert entries(cache) == []


@pytest.mark.parametrize("cut", [0, 10, 32, 100, -1])
def test_an_entry_that_was_cut_is_written_anew(tmp_path, cache, packs, cut):
    write(tmp_path, content())
    first = read(tmp_path)
    (entry,) = entries(cache)
    whole = entry.read_bytes()
    entry.write_bytes(whole[:cut])
    assert as_text(read(tmp_path)) == as_text(first)
    assert (len(packs), entry.read_bytes()) == (2, whole)


def test_an_entry_with_any_changed_byte_is_missing(tmp_path, cache):
    write(tmp_path, content())
    read(tmp_path)
    (entry,) = entries(cache)
    whole = entry.read_bytes()
    for position in range(0, len(whole), 97):
        entry.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        assert load_entry(entry) is None


HOSTILE = {
    "rows": lambda a: a | {"rows": a["rows"] + 100},
    "rows below 0": lambda a: a | {"rows": a["rows"] - 100},
    "labels": lambda a: a | {"labels": a["labels"] + 1000},
    "lengths": lambda a: a | {"areas": a["areas"][:1]},
    "type": lambda a: a | {"areas": a["areas"].astype(np.float32)},
    "shape": lambda a: a | {"boxes_xywh": a["boxes_xywh"][:, :3].copy()},
    "letters that are none": lambda a: a | {"names": a["names"] + np.uint32(2**30)},
    "names without letters": lambda a: a | {"names": np.zeros((3, 0), np.uint32)},
    "names outside": lambda a: a | {"names": np.array(["../a", "b", "c"]).view(np.uint32).reshape(3, -1)},
    "ids twice": lambda a: a | {"image_ids": a["image_ids"] * 0},
    "sizes": lambda a: a | {"sizes": a["sizes"] * -1},
    "text": lambda a: a | {"text": np.frombuffer(b"[" * 99, np.uint8)},
    "other text": lambda a: a | {"text": np.frombuffer(b'{"a": 1}', np.uint8)},
    "no sample": lambda a: a | {"text": np.frombuffer(json.dumps([content()["categories"], 7]).encode(), np.uint8)},
    "a column less": lambda a: {name: array for name, array in a.items() if name != "crowd"},
    "a column more": lambda a: a | {"more": a["ids"]},
    "nothing": lambda a: {},
}


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE)
def test_an_entry_that_fits_its_hash_but_nothing_else_is_written_anew(tmp_path, cache, packs, change):
    write(tmp_path, content())
    first = read(tmp_path)
    (entry,) = entries(cache)
    save_entry(entry, change(load_entry(entry)))
    assert as_text(read(tmp_path)) == as_text(first)
    assert len(packs) == 2


def test_a_pipe_or_a_folder_in_the_place_of_an_entry_does_not_stop_a_start(tmp_path, cache, packs):
    write(tmp_path, content())
    first = read(tmp_path)
    (entry,) = entries(cache)
    entry.unlink()
    os.mkfifo(entry)
    assert as_text(read(tmp_path)) == as_text(first)
    entry.unlink()
    entry.mkdir()
    assert as_text(read(tmp_path)) == as_text(first)


def test_nothing_is_written_into_a_data_set_or_where_nothing_can_be_written(tmp_path, cache, monkeypatch):
    write(tmp_path, content())
    cache.parent.parent.mkdir(parents=True)
    cache.parent.write_text("in the way")
    there = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    first = read(tmp_path)
    assert as_text(read(tmp_path)) == as_text(first)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == there


def test_two_that_write_one_entry_at_once_leave_a_whole_one(tmp_path, cache):
    path, arrays = cache / "one.labels", {"a": np.arange(200_000)}
    threads = [threading.Thread(target=save_entry, args=(path, arrays)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [entry.name for entry in entries(cache)] == ["one.labels"]
    assert load_entry(path)["a"].tolist() == arrays["a"].tolist()


def test_an_entry_larger_than_all_may_be_is_not_kept(tmp_path, cache, monkeypatch):
    monkeypatch.setattr(label_cache, "MOST_BYTES", 1000)
    save_entry(cache / "a.labels", {"a": np.arange(1000)})
    assert entries(cache) == []
