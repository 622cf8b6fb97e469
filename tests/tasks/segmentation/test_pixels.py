import pytest
import torch
from torch.nn import functional as F

from data.samples import IGNORE
from tasks.segmentation import upsampling as strips
from tasks.segmentation.losses import segmentation_loss
from tasks.segmentation.pixels import Pixels
from tasks.segmentation.settings import LossSettings
from tasks.segmentation.upsampling import Upsampling
from tests.support.synchronization import no_synchronization

SIZES = [  # a map's size, that of the padded input, that of the images
    ((3, 4), (17, 25), (16, 21)),
    ((5, 3), (33, 17), (33, 17)),
    ((4, 4), (13, 9), (13, 9)),
    ((1, 2), (5, 1), (4, 1)),
    ((9, 6), (4, 5), (4, 5)),
]
every_size = pytest.mark.parametrize(("cells", "size", "cut"), SIZES)
corners = pytest.mark.parametrize("align_corners", [True, False])
SETTINGS = {
    "cross-entropy": LossSettings(),
    "dice": LossSettings(dice=0.7),
    "everything": LossSettings(ohem=0.4, dice=1.0, lovasz=0.5, label_smoothing=0.1),
}


@pytest.fixture(params=[1, 40, 2**18], ids=["row by row", "small strips", "at once"], autouse=True)
def strip_size(request, monkeypatch):
    monkeypatch.setitem(strips.NUMBERS, "cpu", request.param)


def draw(cells, cut, *, dtype=torch.float32, classes=3, ignored=0.3):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, classes, *cells, generator=generator, dtype=dtype) * 3
    masks = torch.randint(0, classes, (2, *cut), generator=generator)
    masks[torch.rand(masks.shape, generator=generator) < ignored] = IGNORE
    return logits.requires_grad_(), masks


def full_size_losses(logits, masks, upsampling, settings):
    """Return the losses of logits that torch resizes as a whole."""
    size, (height, width) = upsampling.size, masks.shape[1:]
    logits = F.interpolate(logits, size, mode="bilinear", align_corners=upsampling.align_corners)
    whole = Pixels(logits[..., :height, :width], masks, Upsampling((height, width), align_corners=False))
    return segmentation_loss(whole, settings=settings)


@every_size
@corners
def test_cross_entropy_is_torchs_of_resized_logits(cells, size, cut, align_corners):
    logits, masks = draw(cells, cut)
    pixels = Pixels(logits, masks, Upsampling(size, align_corners))
    losses = segmentation_loss(pixels, settings=LossSettings(label_smoothing=0.2))
    resized = F.interpolate(logits, size, mode="bilinear", align_corners=align_corners)[..., : cut[0], : cut[1]]
    expected = F.cross_entropy(resized, masks, ignore_index=IGNORE, label_smoothing=0.2)
    torch.testing.assert_close(losses["pixels"], expected)
    found, wanted = (torch.autograd.grad(loss, logits)[0] for loss in (losses["pixels"], expected))
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-6)


@every_size
@corners
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_losses_and_gradients_are_those_of_logits_of_full_size(cells, size, cut, align_corners, settings):
    logits, masks = draw(cells, cut)
    upsampling = Upsampling(size, align_corners)
    losses = segmentation_loss(Pixels(logits, masks, upsampling), settings=settings)
    expected = full_size_losses(logits, masks, upsampling, settings)
    torch.testing.assert_close(losses, expected)
    found, wanted = (torch.autograd.grad(sum(each.values()), logits)[0] for each in (losses, expected))
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-6)


@corners
def test_gradients_are_those_of_finite_differences(align_corners):
    logits, masks = draw((2, 3), (9, 7), dtype=torch.float64)

    def scores(logits):
        pixels = Pixels(logits, masks, Upsampling((9, 9), align_corners))
        return pixels.own, pixels.average_log_scores(), pixels.sum_scores(step=2), pixels.sum_scores(step=1)

    assert torch.autograd.gradcheck(scores, (logits,))


def test_scores_of_a_pixel_between_two_cells_by_hand():
    logits = torch.tensor([[[[0.0, 2.0]], [[0.0, 0.0]]]])  # two classes, one row of two cells
    pixels = Pixels(logits, torch.tensor([[[1, 0, 0]]]), Upsampling((1, 3), align_corners=True))
    scores = torch.tensor([[0.5, 0.5], [0.731059, 0.268941], [0.880797, 0.119203]])  # 1 / (1 + exp(-0, -1, -2))
    torch.testing.assert_close(pixels.own.exp().flatten(), torch.tensor([0.5, 0.731059, 0.880797]))
    torch.testing.assert_close(pixels.sum_scores(step=1), scores.sum(0))
    torch.testing.assert_close(pixels.sum_scores(step=2), scores[::2].sum(0))


def test_short_logits_are_resized_in_float32():
    logits, masks = draw((3, 4), (16, 21))
    short = logits.detach().bfloat16().requires_grad_()
    own, expected = (Pixels(each, masks, Upsampling((17, 25), True)).own for each in (short, short.float()))
    assert own.dtype == torch.float32
    assert torch.equal(own, expected)
    own.sum().backward()
    assert short.grad.dtype == torch.bfloat16


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_the_same_batch_gives_the_same_bits_and_the_host_never_waits(settings):
    logits, masks = draw((9, 13), (64, 96), classes=11)
    found = []
    for _ in range(2):
        with no_synchronization():
            loss = sum(segmentation_loss(Pixels(logits, masks, Upsampling((65, 97), True)), settings=settings).values())
            found.append((loss.detach(), *torch.autograd.grad(loss, logits)))
    assert all(torch.equal(*pair) for pair in zip(*found, strict=True))


def test_nothing_of_full_size_is_kept_for_the_backward_pass():
    logits, masks = draw((9, 13), (64, 96), classes=11)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda value: kept.append(value.numel()) or value, lambda value: value
    ):
        segmentation_loss(Pixels(logits, masks, Upsampling((65, 97), True)), settings=SETTINGS["dice"])
    assert max(kept) <= masks.numel()
