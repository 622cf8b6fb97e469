import numpy as np
import pytest
import torch

from data.batches import collate_detection, collate_segmentation, count_slots
from data.loading import EpochSampler, Key, Transformed, build_loader
from data.samples import IGNORE, DetectionSample, SegmentationSample
from data.transforms import (
    DetectionItem,
    DetectionResize,
    DetectionTransform,
    SegmentationItem,
    SegmentationResize,
    SegmentationTransform,
)


class Boxes:
    """A reader of random images with 0 to 3 boxes."""

    def __init__(self, length):
        self.length = length

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        rng, count = np.random.default_rng(index), index % 4
        low = rng.uniform(0, 20, (count, 2))
        boxes = np.concatenate((low, low + rng.uniform(5, 20, (count, 2))), axis=1).astype(np.float32)
        image = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
        return DetectionSample(image, boxes, rng.integers(0, 3, count), rng.random(count) < 0.3, index)


class Masks(Boxes):
    def __getitem__(self, index):
        rng = np.random.default_rng(index)
        image = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
        return SegmentationSample(image, rng.integers(0, 3, (40, 50), dtype=np.uint8), str(index))


KINDS = {
    "detection": (Boxes, DetectionTransform, DetectionResize, collate_detection),
    "segmentation": (Masks, SegmentationTransform, SegmentationResize, collate_segmentation),
}


SIZES = ((32, 32), (48, 64), (64, 40))


def loader(kind="detection", *, length=10, batch_size=4, shuffle=True, workers=0, seed=0, sizes=SIZES[:1]):
    reader, augment, resize, collate = KINDS[kind]
    forms = [augment(size) if shuffle else resize(size, rule="area") for size in sizes]
    data = Transformed(reader(length), *forms, seed=seed)
    return build_loader(data, collate=collate, batch_size=batch_size, shuffle=shuffle, workers=workers)


def epoch_of(batches, epoch):
    batches.sampler.set_epoch(epoch)
    return list(batches)


def same(one, other):
    """Tell whether two epochs are equal bit for bit."""
    return len(one) == len(other) and all(
        torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b
        for x, y in zip(one, other, strict=True)
        for a, b in zip(x, y, strict=True)
    )


def ids(batches):
    return torch.cat([batch.image_ids for batch in batches]).tolist()


@pytest.mark.parametrize("kind", list(KINDS))
def test_any_number_of_workers_gives_the_same_batches_bit_for_bit(kind):
    expected = loader(kind)
    epochs = [epoch_of(expected, epoch) for epoch in range(2)]
    for workers in (1, 2):
        batches = loader(kind, workers=workers)
        assert all(same(epoch_of(batches, epoch), epochs[epoch]) for epoch in range(2))


@pytest.mark.parametrize("workers", [0, 2])
def test_an_epoch_that_is_resumed_equals_the_original(workers):
    batches = loader(workers=workers)
    third = [epoch_of(batches, epoch) for epoch in range(3)][2]
    resumed = loader()
    assert same(epoch_of(resumed, 2), third)
    assert same(epoch_of(batches, 2), third)


@pytest.mark.parametrize("workers", [0, 1, 2])
@pytest.mark.parametrize("batch", [0, 1, 3])
def test_an_epoch_goes_on_at_any_batch(workers, batch):
    whole = loader(length=14)
    epochs = [epoch_of(whole, epoch) for epoch in (2, 3)]
    resumed = loader(length=14, workers=workers)
    resumed.sampler.go_to(2, batch * 4)
    batches = iter(resumed)  # with processes it draws ahead at once, and Lightning chooses the epoch only then
    resumed.sampler.set_epoch(2)
    assert same(list(batches), epochs[0][batch:])
    assert same(epoch_of(resumed, 3), epochs[1])
    assert len(resumed) == 3


@pytest.mark.parametrize("workers", [0, 2])
def test_loading_leaves_torchs_random_state_alone(workers):
    before = torch.get_rng_state()
    batches = loader(workers=workers)
    epoch_of(batches, 0), epoch_of(batches, 1)
    assert torch.equal(torch.get_rng_state(), before)


def test_epochs_differ_in_order_and_in_augmentation():
    batches = loader(length=12)
    first, second = epoch_of(batches, 0), epoch_of(batches, 1)
    assert ids(first) != ids(second)
    images = [
        {i: x for batch in e for i, x in zip(batch.image_ids.tolist(), batch.images, strict=True)}
        for e in (first, second)
    ]
    assert not any(torch.equal(images[0][index], images[1][index]) for index in range(12))


def test_seeds_differ_in_order_and_in_augmentation():
    one, other = loader(length=12), loader(length=12, seed=1)
    assert ids(epoch_of(one, 0)) != ids(epoch_of(other, 0))
    assert not np.array_equal(one.dataset[0, 3].image, other.dataset[0, 3].image)
    np.testing.assert_array_equal(one.dataset[0, 3].image, loader(length=7).dataset[0, 3].image)


@pytest.mark.parametrize("workers", [0, 2])
def test_every_sample_comes_once_an_epoch(workers):
    batches = loader(length=12, workers=workers)
    assert [sorted(ids(epoch_of(batches, epoch))) for epoch in range(2)] == [list(range(12))] * 2


def test_evaluation_takes_all_samples_in_their_own_order_every_time():
    batches = loader(shuffle=False)
    first, second = epoch_of(batches, 0), epoch_of(batches, 5)
    assert ids(first) == list(range(10))
    assert [len(batch.images) for batch in first] == [4, 4, 2]
    assert same(first, second)


@pytest.mark.parametrize(
    ("length", "shuffle", "sizes"),
    [
        (10, True, [4, 4]),
        (8, True, [4, 4]),
        (4, True, [4]),
        (3, True, [3]),  # the only batch is kept
        (10, False, [4, 4, 2]),
        (3, False, [3]),
    ],
)
def test_training_leaves_out_a_smaller_last_batch_unless_it_is_the_only_one(length, shuffle, sizes):
    batches = loader(length=length, shuffle=shuffle)
    assert [len(batch.images) for batch in batches] == sizes
    assert len(batches) == len(sizes)


def sizes_of(batches):
    return [tuple(batch.images.shape[2:]) for batch in batches]


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_batches_of_several_sizes_go_on_alike_for_any_number_of_workers(workers):
    whole = loader(length=26, sizes=SIZES)
    epochs = [epoch_of(whole, epoch) for epoch in (2, 3)]
    resumed = loader(length=26, workers=workers, sizes=SIZES)
    resumed.sampler.go_to(2, 3 * 4)
    batches = iter(resumed)
    resumed.sampler.set_epoch(2)
    assert same(list(batches), epochs[0][3:])
    assert same(epoch_of(resumed, 3), epochs[1])


def test_each_batch_has_one_of_the_sizes_drawn_evenly_and_anew_for_each_epoch_and_seed():
    first, second = (loader(length=360, sizes=SIZES).sampler.draw_forms(epoch) for epoch in range(2))
    other = loader(length=360, sizes=SIZES, seed=1).sampler.draw_forms(0)
    assert all(min(np.bincount(forms, minlength=3)) > 15 for forms in (first, second, other))  # of 90, 30 are expected
    assert not any(np.array_equal(first, forms) for forms in (second, other))
    batches = epoch_of(loader(length=26, sizes=SIZES), 0)
    assert sizes_of(batches) == [SIZES[form] for form in loader(length=26, sizes=SIZES).sampler.draw_forms(0)[:6]]
    assert len(set(sizes_of(batches))) > 1


def test_a_size_more_changes_neither_the_order_nor_what_is_drawn_for_a_sample():
    one, several = (epoch_of(loader(length=26, sizes=sizes), 0) for sizes in (SIZES[:1], SIZES))
    assert ids(one) == ids(several)
    alike = [number for number, size in enumerate(sizes_of(several)) if size == SIZES[0]]
    assert alike
    assert all(torch.equal(one[number].images, several[number].images) for number in alike)


def test_keys_hold_the_epoch_and_the_index():
    sampler = EpochSampler(3, shuffle=False, seed=0)
    sampler.set_epoch(7)
    assert list(sampler) == [Key(7, 0), Key(7, 1), Key(7, 2)]
    assert len(sampler) == 3


@pytest.mark.parametrize(("boxes", "slots"), [(0, 8), (1, 8), (8, 8), (9, 16), (16, 16), (17, 32), (93, 128)])
def test_batches_have_room_for_eight_boxes_or_a_power_of_two(boxes, slots):
    assert count_slots(boxes) == slots


def test_boxes_are_padded():
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    boxes = np.array([[1, 2, 3, 4], [5, 6, 7, 8]], dtype=np.float32)
    two = DetectionItem(image, boxes, np.array([4, 0]), np.array([False, True]), 3, (8, 9))
    none = DetectionItem(image + 1, boxes[:0], np.array([], dtype=np.int64), np.array([], dtype=bool), 9, (6, 7))
    batch = collate_detection([none, two])
    assert batch.boxes.tolist() == [[[0] * 4] * 8, [[1, 2, 3, 4], [5, 6, 7, 8], *[[0] * 4] * 6]]
    assert batch.labels.tolist() == [[-1] * 8, [4, 0, *[-1] * 6]]
    assert batch.crowd.tolist() == [[False] * 8, [False, True, *[False] * 6]]
    assert batch.image_ids.tolist() == [9, 3]
    assert batch.sizes.tolist() == [[6, 7], [8, 9]]
    assert torch.equal(batch.images[1], torch.from_numpy(image).permute(2, 0, 1))


def test_a_batch_without_boxes_has_padding_alone():
    sample = Boxes(1)[0]
    empty = DetectionItem(sample.image, sample.boxes, sample.labels, sample.crowd, 0, sample.size)
    batch = collate_detection([empty, empty])
    assert (batch.boxes.shape, batch.labels.shape, batch.crowd.shape) == ((2, 8, 4), (2, 8), (2, 8))
    assert (batch.labels == -1).all()
    assert (batch.boxes.dtype, batch.labels.dtype, batch.crowd.dtype) == (torch.float32, torch.int64, torch.bool)


def test_images_are_bytes_with_channels_last_in_memory_and_masks_keep_ignore():
    image, mask = np.zeros((4, 5, 3), dtype=np.uint8), np.full((4, 5), IGNORE, dtype=np.uint8)
    batch = collate_segmentation([SegmentationItem(image, mask, "a"), SegmentationItem(image + 7, mask, "b")])
    assert batch.images.shape == (2, 3, 4, 5)
    assert batch.images.dtype == batch.masks.dtype == torch.uint8
    assert batch.images.is_contiguous(memory_format=torch.channels_last)
    assert batch.images[1].unique().tolist() == [7]
    assert batch.masks.unique().tolist() == [IGNORE]
    assert batch.names == ("a", "b")
