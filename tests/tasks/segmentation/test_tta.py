import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from data.errors import InputError
from tasks.evaluation_settings import TTA
from tasks.parsing import parse
from tasks.segmentation.postprocess import postprocess
from tasks.segmentation.tta import average_scores, scale_images

SIZE = (30, 44)


@pytest.fixture(scope="module")
def images():
    return torch.randint(0, 256, (2, 3, 30, 44), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


@pytest.fixture(scope="module")
def predict():
    """Return a small network whose logits depend on where left is."""
    torch.manual_seed(0)
    layer = nn.Conv2d(3, 4, 5, padding=2)
    return lambda images: layer(images.float() / 64 - 2)


def test_scores_of_two_views_by_hand():
    images = torch.tensor([0.0, 100.0]).expand(1, 3, 1, 2)
    ramp = torch.tensor([1.0, 3.0])  # the weight of class 1 at the left and at the right of whatever is shown

    def predict(shown):
        ahead = (ramp * (shown[:, :1] / 100)).log()
        return torch.cat((torch.zeros_like(ahead), ahead), dim=1)

    scores = average_scores(images, predict=predict, size=(1, 2), tta=TTA(flip=True))
    # straight: class 1 at the right pixel weighs 3, of 4; mirrored, where it is at the left, 1 of 2
    assert scores[0, 1, 0].tolist() == pytest.approx([0.0, (3 / 4 + 1 / 2) / 2])


def test_scores_are_those_of_manual_averaging(images, predict):
    expected = []
    for scale in (0.5, 1.25):
        size = [round(side * scale) for side in SIZE]
        scaled = F.interpolate(images.float(), size=size, mode="bilinear")
        for logits in (predict(scaled), predict(scaled.flip(-1)).flip(-1)):
            expected.append(F.interpolate(logits, size=(21, 33), mode="bilinear").softmax(1))
    tta = TTA((0.5, 1.25), flip=True)
    scores = average_scores(images, predict=predict, size=(21, 33), tta=tta)
    torch.testing.assert_close(scores, torch.stack(expected).mean(0))
    torch.testing.assert_close(scores.sum(1), torch.ones(2, 21, 33))


def test_the_image_alone_gives_its_own_masks(images, predict):
    scores = average_scores(images, predict=predict, size=(40, 50), tta=TTA())
    assert torch.equal(scores.argmax(1), postprocess(predict(images), size=(40, 50)))


def test_mirroring_makes_the_scores_of_an_image_and_its_mirror_image_each_others(images, predict):
    tta = TTA((1.0, 2.0), flip=True)
    one, other = (average_scores(x, predict=predict, size=SIZE, tta=tta) for x in (images, images.flip(3)))
    torch.testing.assert_close(one, other.flip(3))


def test_an_image_of_its_own_scale_is_not_touched(images):
    assert scale_images(images, 1.0) is images
    assert scale_images(images, 0.01).shape == (2, 3, 1, 1)


def test_only_one_image_as_it_is_is_trivial():
    assert TTA().trivial
    assert TTA((1,)).trivial
    for given in ({"scales": (0.5,)}, {"scales": (1.0, 1.0)}, {"flip": True}):
        assert not TTA(**given).trivial


@pytest.mark.parametrize(
    ("field", "value"),
    [("scales", []), ("scales", [0.0]), ("scales", [1, math.nan]), ("scales", ["1"]), ("scales", 1.0), ("flip", 1)],
)
def test_what_cannot_be_averaged_over_is_refused(field, value):
    with pytest.raises(InputError, match=f"^{field}: .*expected"):
        parse(TTA, {field: value})
