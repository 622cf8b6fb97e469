import pytest
import torch
from torch import nn
from torch.nn import functional as F

from data.batches import SegmentationBatch
from data.classes import ClassTable
from data.config import DatasetConfig
from data.samples import IGNORE
from heads.fcn import FCN
from tasks.evaluation_settings import TTA
from tasks.models.architecture import Arch
from tasks.models.description import Description
from tasks.models.network import build_model
from tasks.models.normalization import normalize
from tasks.models.preprocessing import Preprocessing
from tasks.optimization import Optimization
from tasks.segmentation.metrics import SegmentationMetric
from tasks.segmentation.module import SegmentationModule
from tasks.segmentation.postprocess import pad_to_grid, postprocess
from tasks.segmentation.segmenter import Segmenter
from tasks.segmentation.settings import LossSettings
from tasks.segmentation.tta import average_scores
from tests.support.synchronization import no_synchronization

OPTIMIZATION = Optimization("sgd", lr=0.1, momentum=0.9, weight_decay=0.0, schedule="poly", warmup=0.0, steps=10)
EVERYTHING = LossSettings(ohem=0.5, dice=1.0, lovasz=1.0, label_smoothing=0.1, aux_weight=0.4)


def segmenter(head="lraspp", backbone="small", *, classes=3, loss=None):
    torch.manual_seed(0)
    arch = Arch(head, backbone, classes, output_stride=16)
    table = ClassTable.create([f"class {k}" for k in range(classes)], range(classes))
    description = Description(arch, table, Preprocessing(None), None, DatasetConfig("masks", "data", "train", "val"))
    model = Segmenter(description, extra=FCN.TAPS if loss and loss.aux_weight else ())
    return SegmentationModule(model, optimization=OPTIMIZATION, loss=loss)


def random_batch(count=2, ignored=0.2):
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, 3, 48, 64), generator=generator, dtype=torch.uint8)
    masks = torch.randint(0, 3, (count, 48, 64), generator=generator, dtype=torch.uint8)
    masks[torch.rand(masks.shape, generator=generator) < ignored] = IGNORE
    return SegmentationBatch(images, masks, tuple(f"image {n}" for n in range(count)))


@pytest.mark.parametrize("settings", [None, EVERYTHING], ids=["plain", "everything"])
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16], ids=str)
def test_a_training_step_never_makes_the_host_wait(settings, precision):
    module, batch = segmenter(loss=settings), random_batch()
    with no_synchronization(), torch.autocast("cpu", precision, enabled=precision != torch.float32):
        loss = module.training_step(batch, 0)["loss"]
        loss.backward()
    assert loss.isfinite()
    assert loss.dtype == torch.float32


@pytest.mark.parametrize("ignored", [0.0, 2.0])
def test_any_batch_gives_a_finite_loss_and_finite_gradients(ignored):
    module = segmenter(loss=EVERYTHING)
    loss = module.training_step(random_batch(ignored=ignored), 0)["loss"]
    loss.backward()
    assert (loss == 0) == (ignored > 1)
    assert all(parameter.grad.isfinite().all() for parameter in module.parameters())


def test_a_batch_of_one_image_is_taught():
    module = segmenter(loss=EVERYTHING).eval()  # norms over a single value would refuse
    module.training_step(random_batch(count=1), 0)["loss"].backward()
    assert module.auxiliary.classify.weight.grad.abs().sum() > 0


def test_a_step_without_settings_is_that_of_torchs_cross_entropy():
    module, batch = segmenter(), random_batch()
    loss = module.training_step(batch, 0)["loss"]
    expected = F.cross_entropy(module.model.raw(batch.images), batch.masks.long(), ignore_index=IGNORE)
    torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize(
    ("head", "backbone"), [("lraspp", "small"), ("raspp", "large"), ("lraspp", "mobilenetv2"), ("raspp", "mobilenetv1")]
)
def test_an_auxiliary_head_leaves_the_network_as_it_is(head, backbone):
    module, plain = segmenter(head, backbone, loss=EVERYTHING), segmenter(head, backbone)
    state, expected = module.model.state_dict(), plain.model.state_dict()
    assert list(state) == list(expected)
    assert all(torch.equal(state[name], expected[name]) for name in state)
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    ours, built = module.model.eval(), build_model(module.model.description.arch).eval()
    built.load_state_dict(state)
    assert torch.equal(ours.head(ours.backbone(images)), built(images))
    assert plain.auxiliary is None


def test_an_auxiliary_head_adds_its_weighted_loss_and_teaches_what_comes_before_it():
    with_it, plain, batch = segmenter(loss=LossSettings(aux_weight=0.4)), segmenter(), random_batch()
    losses = [module.training_step(batch, 0)["loss"] for module in (with_it, plain)]
    x = normalize(pad_images(batch.images), with_it.model.description.preprocessing)
    with torch.no_grad():
        guess = with_it.auxiliary(with_it.model.backbone(x))
        guess = F.interpolate(guess, size=x.shape[2:], mode="bilinear", align_corners=True)[..., :48, :64]
    expected = 0.4 * F.cross_entropy(guess, batch.masks.long(), ignore_index=IGNORE)
    torch.testing.assert_close(losses[0] - losses[1], expected, rtol=1e-4, atol=1e-5)
    for loss in losses:
        loss.backward()
    backbones = [module.model.backbone for module in (with_it, plain)]
    assert not torch.allclose(*(backbone.stem.conv.weight.grad for backbone in backbones))
    assert torch.allclose(*(backbone.last.conv.weight.grad for backbone in backbones))


def test_the_parts_of_the_loss_are_logged_and_add_up():
    losses = segmenter(loss=EVERYTHING).training_step(random_batch(), 0)
    total, logged, *parts = (losses[name] for name in losses)
    assert [name.removeprefix("train/loss") for name in losses][1:] == ["", "_pixels", "_dice", "_lovasz", "_auxiliary"]
    assert torch.equal(logged, total)
    torch.testing.assert_close(sum(parts), total)
    assert not any(value.requires_grad for value in (logged, *parts))  # else they would hold the activations


def pad_images(images):
    """Pad to the sides that the network takes, with what becomes 0."""
    return F.pad(images.float(), (0, 1, 0, 1), value=127.5)


def test_an_auxiliary_head_is_optimized_beside_the_network():
    module = segmenter(loss=EVERYTHING)
    groups = module.configure_optimizers()["optimizer"].param_groups
    optimized = {id(parameter) for group in groups for parameter in group["params"]}
    assert optimized == {id(parameter) for parameter in module.parameters()}
    assert {id(parameter) for parameter in module.auxiliary.parameters()} < optimized


def test_masks_are_the_best_class_of_each_pixel():
    logits = torch.tensor([[[[4.0, 0, 1]], [[0, 2, 3]]]])
    assert postprocess(logits, size=(1, 3)).tolist() == [[[0, 1, 1]]]


@pytest.mark.parametrize("size", [(9, 7), (72, 56), (33, 101), (1, 1)])
def test_masks_have_the_size_of_the_label(size):
    logits = torch.randn(2, 5, 9, 7, generator=torch.Generator().manual_seed(0))
    masks = postprocess(logits, size=size)
    assert masks.shape == (2, *size)
    assert masks.dtype == torch.int64
    expected = F.interpolate(logits, size=size, mode="bilinear", align_corners=False).argmax(1)
    assert torch.equal(masks, expected)


def test_masks_come_from_averaged_scores_where_that_is_asked_for():
    model, tta = segmenter().eval().model, TTA((1.0, 1.5), flip=True)
    batch = random_batch()._replace(masks=torch.zeros(2, 50, 60, dtype=torch.uint8))
    plain, averaged = (
        SegmentationModule(model, metric=SegmentationMetric(model.description.classes), tta=each)
        for each in (None, tta)
    )
    scores = average_scores(batch.images, predict=model.raw, size=(50, 60), tta=tta)
    assert torch.equal(averaged.validation_step(batch, 0), scores.argmax(1))
    assert not torch.equal(plain.validation_step(batch, 0), scores.argmax(1))


@pytest.mark.parametrize(("side", "padded"), [(32, 33), (33, 33), (256, 257), (384, 385), (769, 769), (1024, 1025)])
def test_sides_are_padded_to_a_multiple_of_the_stride_plus_one(side, padded):
    images = pad_to_grid(torch.ones(1, 3, side, 40), stride=16)
    assert images.shape == (1, 3, padded, 49)
    assert images.sum() == 3 * side * 40


def ramp(images):
    """Answer, at each cell of a stride-8 map, the column of the pixel that the cell looks at."""
    cells = torch.arange(0, images.shape[-1], 8.0)
    rows = len(range(0, images.shape[-2], 8))
    return cells.expand(len(images), 1, rows, len(cells))


@pytest.mark.parametrize("size", [(64, 96), (65, 97), (50, 83)])
def test_logits_lie_where_their_cells_look_at_any_size(size, monkeypatch):
    model = segmenter(classes=1).model
    model.backbone = nn.Identity()
    monkeypatch.setattr(model.head, "forward", ramp)
    logits = model.raw(torch.zeros(2, 3, *size, dtype=torch.uint8))
    expected = torch.arange(float(size[1])).expand(2, 1, *size)
    torch.testing.assert_close(logits, expected, atol=1e-3, rtol=0)
