"""Mirror images and colours on the device, beside the way of the loading processes, on the CPU."""

import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional

from data.batches import collate_detection, collate_segmentation
from data.colors import ColorChange, color_map
from data.deferred import IDENTITY, change_images, mirror_boxes, mirror_masks
from data.loading import Transformed, build_loader
from data.samples import DetectionSample, SegmentationSample
from data.transforms import DetectionTransform, SegmentationTransform
from tests.support.synchronization import no_synchronization

SIZE = (48, 64)
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"))]
PLAIN = {"brightness": 1.0, "contrast": 1.0, "saturation": 1.0, "hue": 0.0}


class Boxes:
    """A reader of images whose colours change smoothly, with some boxes."""

    def __len__(self):
        return 40

    def __getitem__(self, index):
        rng, count = np.random.default_rng(index), index % 4
        low = rng.uniform(0, 30, (count, 2))
        boxes = np.concatenate([low, low + rng.uniform(10, 40, (count, 2))], axis=1).astype(np.float32)
        labels = rng.integers(0, 3, count)
        return DetectionSample(draw(rng), boxes, labels, rng.random(count) < 0.3, index)


class Masks(Boxes):
    def __getitem__(self, index):
        rng = np.random.default_rng(index)
        return SegmentationSample(draw(rng), rng.integers(0, 9, (80, 90), dtype=np.uint8), str(index))


KINDS = {
    "detection": (Boxes(), DetectionTransform, collate_detection),
    "segmentation": (Masks(), SegmentationTransform, collate_segmentation),
}


def draw(rng):
    """Return an image (80, 90, 3) with grain, black and white in it."""
    coarse = torch.from_numpy(rng.integers(0, 256, (1, 3, 5, 6), dtype=np.uint8))
    smooth = functional.resize(coarse, [80, 90])[0].permute(1, 2, 0).numpy().astype(int)
    return (smooth + rng.integers(-20, 20, (80, 90, 3))).clip(0, 255).astype(np.uint8)


def batches_of(kind, *, deferred, seed=0):
    """Return the batches of two epochs."""
    reader, transform, collate = KINDS[kind]
    data = Transformed(reader, transform(SIZE, deferred=deferred), seed=seed)
    loader, found = build_loader(data, collate=collate, batch_size=8, shuffle=True, workers=0), []
    for epoch in range(2):
        loader.sampler.set_epoch(epoch)
        found += list(loader)
    return found


def to(batch, device):
    return batch._make(value.to(device) if isinstance(value, torch.Tensor) else value for value in batch)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("kind", list(KINDS))
def test_a_seed_means_the_same_in_both_ways(kind, device):
    pairs = zip(batches_of(kind, deferred=True), batches_of(kind, deferred=False), strict=True)
    differences = []
    for deferred, expected in pairs:
        assert deferred.images.dtype == torch.uint8
        found = to(to(deferred, device).changed(), "cpu")
        differences.append((found.images - expected.images.float()).abs())
        assert found.images.is_contiguous(memory_format=torch.channels_last)
        for name in set(found._fields) - {"images", "boxes"}:
            one, other = getattr(found, name), getattr(expected, name)
            assert torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other
        if kind == "detection":
            torch.testing.assert_close(found.boxes, expected.boxes, rtol=0, atol=1e-4)
    differences = torch.cat(differences)  # in grey levels
    assert differences.max() <= 2
    assert differences.mean() < 0.3  # of rounding, which is .25 on average


@pytest.mark.parametrize("kind", list(KINDS))
def test_half_of_the_images_are_mirrored_and_half_change_their_colours(kind):
    found = [batch for seed in range(8) for batch in batches_of(kind, deferred=True, seed=seed)]
    mirrored = torch.cat([batch.mirrored for batch in found]).float()
    colored = (torch.cat([batch.colors for batch in found]) != torch.from_numpy(IDENTITY)).any(dim=(1, 2)).float()
    assert len(mirrored) == 640
    for share in (mirrored.mean(), colored.mean()):
        assert 0.44 < share < 0.56
    assert abs(np.corrcoef(mirrored, colored)[0, 1]) < 0.12


def test_amounts_have_the_moments_of_their_even_distributions():
    """The matrix of an image keeps grey: its rows sum to brightness times contrast, its last column to the rest."""
    found = [batch.colors for seed in range(8) for batch in batches_of("detection", deferred=True, seed=seed)]
    colors = torch.cat(found)
    colors = colors[(colors != torch.from_numpy(IDENTITY)).any(dim=(1, 2))].double()
    product, rest = colors[:, :, :3].sum(dim=2).mean(dim=1), colors[:, :, 3].mean(dim=1)
    brightness = product + rest
    contrast = product / brightness
    for factor in (brightness, contrast):
        assert 0.7 <= factor.min() < 0.72
        assert 1.28 < factor.max() <= 1.3
        assert factor.mean() == pytest.approx(1, abs=0.04)
        assert factor.std() == pytest.approx(0.6 / 12**0.5, rel=0.1)
    assert abs(np.corrcoef(brightness, contrast)[0, 1]) < 0.15


@pytest.mark.parametrize("kind", list(KINDS))
def test_pixels_have_the_statistics_of_the_other_way(kind):
    found, expected = (
        torch.cat([batch.changed().images.float() for batch in batches_of(kind, deferred=deferred, seed=seed)])
        for deferred, seed in ((True, 5), (False, 6))  # of other draws
    )
    for statistic in (torch.mean, torch.std):
        assert statistic(found) == pytest.approx(float(statistic(expected)), rel=0.05)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    "amounts",
    [
        *({name: factor} for name in ("brightness", "contrast", "saturation") for factor in (0.7, 1.0, 1.3)),
        {"hue": -0.03},
        {"hue": 0.03},
        {"brightness": 1.3, "contrast": 1.3, "saturation": 1.3, "hue": 0.02},
        {"brightness": 0.7, "contrast": 0.7, "saturation": 0.7, "hue": -0.02},
    ],
    ids=str,
)
def test_each_change_is_that_of_the_cpu_within_a_grey_level(amounts, device):
    images = [draw(np.random.default_rng(seed)) for seed in range(3)]
    step = ColorChange((0.7, 1.3), 0.03, p=1.0)
    expected = np.stack([step.apply(image, **{**PLAIN, **amounts}) for image in images])
    color = torch.from_numpy(color_map(**{**PLAIN, **amounts}, luma=1.0)).float().expand(3, -1, -1)
    batch = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
    found = change_images(batch.to(device), torch.zeros(3, dtype=torch.bool, device=device), color.to(device)).cpu()
    difference = found.permute(0, 2, 3, 1).numpy() - expected
    assert np.abs(difference).max() <= 1
    if len(amounts) == 1 and "hue" not in amounts:  # torchvision's, of floats
        ((name, factor),) = amounts.items()
        theirs = getattr(functional, f"adjust_{name}")(batch.float() / 255, factor) * 255
        torch.testing.assert_close(found, theirs, rtol=0, atol=0.1)


@pytest.mark.parametrize("precision", ["highest", "high"])
def test_what_is_not_to_be_changed_comes_out_as_it_was_whatever_the_precision(precision):
    images = torch.randint(0, 256, (2, 3, 5, 7), dtype=torch.uint8).contiguous(memory_format=torch.channels_last)
    colors = torch.from_numpy(IDENTITY).expand(2, -1, -1)
    torch.set_float32_matmul_precision(precision)
    try:
        with torch.autocast("cpu", torch.bfloat16):
            found = change_images(images, torch.tensor([False, True]), colors)
    finally:
        torch.set_float32_matmul_precision("highest")
    assert found.dtype == torch.float32
    assert torch.equal(found[0], images[0].float())
    assert torch.equal(found[1], images[1].flip(-1).float())


def test_boxes_are_mirrored_by_hand_and_padding_stays():
    boxes = torch.tensor([[[1.0, 2, 4, 8], [0, 0, 0, 0]], [[1, 2, 4, 8], [3, 0, 10, 9]]])
    mirrored = torch.tensor([[True, False], [False, True]])
    expected = [[[6, 2, 9, 8], [0, 0, 0, 0]], [[1, 2, 4, 8], [0, 0, 7, 9]]]
    assert mirror_boxes(boxes, mirrored, width=10).tolist() == expected
    batch = batches_of("detection", deferred=True)[0]
    changed = batch.changed()
    assert batch.mirrored.any()
    assert (changed.boxes[batch.labels < 0] == 0).all()
    assert changed.mirrored is changed.colors is None
    assert changed.changed() is changed


def test_masks_are_mirrored_by_hand():
    masks = torch.tensor([[[1, 2, 255]], [[1, 2, 255]]], dtype=torch.uint8)
    assert mirror_masks(masks, torch.tensor([True, False])).tolist() == [[[255, 2, 1]], [[1, 2, 255]]]


@pytest.mark.parametrize("kind", list(KINDS))
def test_nothing_makes_the_host_wait(kind):
    batch = batches_of(kind, deferred=True)[0]
    with no_synchronization():
        batch.changed()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("kind", list(KINDS))
def test_changes_are_recorded_and_replayed(kind):
    first, second = (to(batch, "cuda") for batch in batches_of(kind, deferred=True)[:2])
    own = first._make(value.clone() if isinstance(value, torch.Tensor) else value for value in first)
    own.changed()  # sets up what is set up once
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        found = own.changed().images
    for mine, value in zip(own, second, strict=True):
        if isinstance(mine, torch.Tensor) and mine.shape == value.shape:
            mine.copy_(value)
    graph.replay()
    torch.testing.assert_close(found, second.changed().images)
