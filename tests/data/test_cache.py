import pickle
from multiprocessing.reduction import ForkingPickler

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from data import cache
from data.batches import collate_detection, collate_segmentation
from data.cache import cache_readers, count_bytes
from data.config import DatasetConfig
from data.datasets import open_boxes, open_masks
from data.errors import InputError
from data.loading import EpochSampler, Transformed, build_loader
from data.synthetic.writing import write_synthetic
from data.transforms import DetectionTransform, SegmentationTransform

KINDS = {
    "detection": (DetectionTransform, collate_detection),
    "segmentation": (SegmentationTransform, collate_segmentation),
}


@pytest.fixture
def readers(tmp_path):
    """Return a reader of six scenes for each kind of task."""
    write_synthetic(tmp_path, train=6, val=1)
    config = DatasetConfig("synthetic", str(tmp_path), "train", "val", scenes={"train": 6, "val": 1})
    return {"detection": open_boxes(config, "train"), "segmentation": open_masks(config, "train")}


def run_epochs(kind, reader, *, workers=0):
    """Return all tensors and names of two epochs of training batches."""
    transform, collate = KINDS[kind]
    data = Transformed(reader, transform((32, 64)), seed=0)
    batches, found = build_loader(data, collate=collate, batch_size=2, shuffle=True, workers=workers), []
    for epoch in range(2):
        batches.sampler.set_epoch(epoch)
        found += [part for batch in batches for part in batch]
    return found


def assert_equal(found, expected):
    assert len(found) == len(expected) > 0
    pairs = zip(found, expected, strict=True)
    assert all(torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b for a, b in pairs)


def remove_images(tmp_path):
    for path in [*tmp_path.rglob("*.png"), *tmp_path.rglob("*.jpg")]:
        path.unlink()


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kind", list(KINDS))
def test_batches_are_the_same_with_and_without_a_cache_bit_for_bit(readers, kind, workers):
    assert_equal(run_epochs(kind, readers[kind].cached(), workers=workers), run_epochs(kind, readers[kind]))


@pytest.mark.parametrize("kind", list(KINDS))
def test_what_the_workers_have_read_no_process_reads_again(readers, kind, tmp_path):
    cached, expected = readers[kind].cached(), run_epochs(kind, readers[kind])
    run_epochs(kind, cached, workers=2)
    remove_images(tmp_path)
    assert_equal(run_epochs(kind, cached), expected)
    assert_equal(run_epochs(kind, cached, workers=2), expected)


@pytest.mark.slow
def test_spawned_workers_share_the_pixels_too(readers, tmp_path):
    cached = readers["detection"].cached()
    data = Transformed(cached, DetectionTransform((32, 64)), seed=0)
    batches = DataLoader(
        data,
        batch_size=2,
        sampler=EpochSampler(6, shuffle=False, seed=0),
        collate_fn=collate_detection,
        num_workers=2,
        multiprocessing_context="spawn",
    )
    first = torch.cat([batch.images for batch in batches])
    remove_images(tmp_path)
    expected = [torch.from_numpy(data[0, index].image).permute(2, 0, 1) for index in range(6)]
    assert_equal(list(first), expected)


def test_samples_are_those_of_the_reader_and_cannot_be_changed(readers):
    for reader in readers.values():
        cached = reader.cached()
        for _ in range(2):
            one, other = vars(cached[-1]), vars(reader[-1])
            assert all(np.array_equal(one[name], other[name]) for name in other)
            with pytest.raises(ValueError, match="read-only"):
                one["image"][0, 0] = 0
        with pytest.raises(IndexError):
            cached[6]


def test_whatever_else_is_asked_for_the_reader_gives(readers):
    cached = readers["detection"].cached()
    assert len(cached) == 6
    assert cached.ground_truth() == readers["detection"].ground_truth()
    assert cached.classes is readers["detection"].classes
    with pytest.raises(AttributeError, match="nothing"):
        _ = cached.nothing


def test_a_copy_for_another_process_holds_no_pixels(readers):
    cached = readers["segmentation"].cached()
    assert len(bytes(ForkingPickler.dumps(cached))) < len(pickle.dumps(readers["segmentation"])) + 5000
    assert count_bytes(readers["segmentation"].pixel_sizes, (3, 1)).sum() > 100_000


def test_what_does_not_fit_is_refused_with_what_is_needed_and_what_is_free(readers, monkeypatch):
    needed = sum(int(count_bytes(reader.pixel_sizes, reader.channels).sum()) for reader in readers.values())
    monkeypatch.setattr(cache, "find_free_memory", lambda: (needed, "in this machine's memory"))
    with pytest.raises(InputError, match=r"take 0\.0\d GiB, and 0\.0\d GiB are free in this .*; expected at most 90%"):
        cache_readers(list(readers.values()))
    monkeypatch.setattr(cache, "find_free_memory", lambda: (2 * needed, "in this machine's memory"))
    assert [len(reader) for reader in cache_readers(list(readers.values()))] == [6, 6]
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")  # each process has pixels of its own
    with pytest.raises(InputError, match=r"dataset\.cache=memory: the decoded images take"):
        cache_readers(list(readers.values()))


def test_the_least_limit_of_memory_counts(monkeypatch, tmp_path):
    (tmp_path / "memory.max").write_text("12345\n")
    monkeypatch.setattr(cache, "CGROUP_LIMIT", tmp_path / "memory.max")
    assert cache.find_free_memory() == (12345, "to this container")
    (tmp_path / "memory.current").write_text("2345\n")
    assert cache.find_free_memory() == (10000, "to this container")
    (tmp_path / "memory.max").write_text("max\n")
    assert cache.find_free_memory()[0] > 2**20
