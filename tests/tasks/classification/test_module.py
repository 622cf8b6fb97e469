import pytest
import torch
from torch.nn import functional as F

from data.batches import ClassificationBatch
from tasks.classification.classifier import Classifier
from tasks.classification.module import ClassificationModule
from tasks.classification.settings import Augmentation, LossSettings
from tasks.optimization import Optimization
from tests.support.synchronization import no_synchronization
from tests.tasks.classification.test_classifier import DESCRIPTION

OPTIMIZATION = Optimization("rmsprop", lr=0.1, momentum=0.9, weight_decay=1e-5, schedule="step", warmup=0.0, steps=10)


def build(**options):
    torch.manual_seed(0)
    return ClassificationModule(Classifier(DESCRIPTION), optimization=OPTIMIZATION, **options)


def random_batch():
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (4, 3, 64, 64), generator=generator, dtype=torch.uint8)
    return ClassificationBatch(images, F.one_hot(torch.tensor([0, 2, 1, 1]), 3).bool(), tuple("abcd"))


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16], ids=str)
def test_a_training_step_never_makes_the_host_wait(precision):
    module, batch = build(), random_batch()
    with no_synchronization(), torch.autocast("cpu", precision, enabled=precision != torch.float32):
        loss = module.training_step(batch, 0)["loss"]
        loss.backward()
    assert loss.isfinite()
    assert loss.dtype == torch.float32


def test_a_step_is_that_of_torchs_cross_entropy():
    module, batch = build(loss=LossSettings(label_smoothing=0.1)).eval(), random_batch()
    loss = module.training_step(batch, 0)["loss"]
    expected = F.cross_entropy(module.model.raw(batch.images), batch.targets.long().argmax(1), label_smoothing=0.1)
    torch.testing.assert_close(loss, expected)


def test_convolutions_of_the_head_decay_and_its_biases_do_not():
    module = build()
    decayed, rest = (group["params"] for group in module.configure_optimizers()["optimizer"].param_groups)
    assert {id(module.model.head.hidden.weight), id(module.model.head.classify.weight)} <= set(map(id, decayed))
    assert {id(module.model.head.hidden.bias), id(module.model.head.classify.bias)} <= set(map(id, rest))


@pytest.mark.parametrize(
    ("settings", "values", "message"),
    [
        (Augmentation, {"area": (0.5, 0.2)}, r"augmentation\.area"),
        (
            Augmentation,
            {"policy": "trivial"},
            r"augmentation\.policy: unknown 'trivial'; choose from none",
        ),
        (Augmentation, {"erase": 1.5}, r"augmentation\.erase: 1\.5; expected 0 to 1"),
        (Augmentation, {"mixup": -1}, r"augmentation\.mixup: -1; expected a number from 0"),
        (LossSettings, {"label_smoothing": 1.0}, r"loss\.label_smoothing: 1\.0"),
    ],
)
def test_settings_out_of_range_are_refused(settings, values, message):
    with pytest.raises(ValueError, match=message):
        settings(**values)
