"""A segmenter in use: images in, masks out."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from data.classes import ClassTable
from data.config import DatasetConfig
from heads.fcn import FCN
from tasks.models.architecture import Arch
from tasks.models.description import Description
from tasks.models.network import build_model
from tasks.models.postprocessing import Postprocessing
from tasks.models.preprocessing import Preprocessing
from tasks.segmentation.segmenter import Segmenter
from tests.support.peers import show_images
from tests.support.random_weights import randomize

SIZE = (65, 97)  # sides that nothing is added to
DESCRIPTION = Description(
    Arch("lraspp", "small", 3, output_stride=16),
    ClassTable.create(["cat", "dog", "cow"], [3, 7, 8]),
    Preprocessing(None, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4)),
    None,
    DatasetConfig("masks", "data", "train", "val"),
)


@pytest.fixture(scope="module")
def segmenter():
    """Return a segmenter whose masks vary from image to image."""
    return randomize(Segmenter(DESCRIPTION))


@torch.no_grad()
@pytest.mark.parametrize("head", ["lraspp", "raspp"])
def test_an_image_alone_gives_what_it_gives_in_a_batch(head):
    segmenter = randomize(Segmenter(replace(DESCRIPTION, arch=Arch(head, "small", 3))))
    images = show_images((48, 70), scenes=3)
    logits, masks = segmenter.raw(images), segmenter(images)
    assert (logits[0] - logits[1]).abs().max() > 0.1
    for index, image in enumerate(images):
        torch.testing.assert_close(segmenter.raw(image[None])[0], logits[index], rtol=1e-4, atol=1e-4)
        assert (segmenter(image[None])[0] != masks[index]).float().mean() < 1e-3  # rounding may turn a tie


@torch.no_grad()
def test_bytes_are_normalised_and_the_best_class_of_each_pixel_is_taken(segmenter):
    images = show_images(SIZE)
    assert images.dtype == torch.uint8
    mean, std = torch.tensor([0.4, 0.5, 0.6]).reshape(3, 1, 1), torch.tensor([0.2, 0.3, 0.4]).reshape(3, 1, 1)
    logits = segmenter.head(segmenter.backbone((images / 255 - mean) / std))
    expected = F.interpolate(logits, SIZE, mode="bilinear", align_corners=True)
    torch.testing.assert_close(segmenter.raw(images), expected, rtol=1e-3, atol=1e-3)
    masks = segmenter(images)
    assert (masks.dtype, masks.shape) == (torch.int64, (2, *SIZE))
    assert (masks != expected.argmax(1)).float().mean() < 1e-3
    assert len(masks.unique()) == 3


@torch.no_grad()
def test_masks_have_the_size_that_is_asked_for(segmenter):
    images = show_images((50, 60))
    wanted = F.interpolate(segmenter.raw(images), (100, 90), mode="bilinear", align_corners=False).argmax(1)
    assert torch.equal(segmenter(images, size=(100, 90)), wanted)


@torch.no_grad()
def test_what_is_added_at_the_borders_is_cut_off_again(segmenter):
    images = torch.full((1, 3, 60, 90), 102, dtype=torch.uint8)  # to 65 x 97
    padded = torch.zeros(1, 3, 65, 97)
    padded[..., :60, :90] = segmenter.prepare(images)[..., :60, :90]
    logits = F.interpolate(segmenter.head(segmenter.backbone(padded)), SIZE, mode="bilinear", align_corners=True)
    torch.testing.assert_close(segmenter.raw(images), logits[..., :60, :90])


def test_maps_for_a_head_in_training_change_no_weights():
    plain, extra = Segmenter(DESCRIPTION), Segmenter(DESCRIPTION, extra=FCN.TAPS)
    assert list(plain.state_dict()) == list(extra.state_dict()) == list(build_model(DESCRIPTION.arch).state_dict())
    assert set(FCN.TAPS) - set(plain.backbone.taps) == {"C4"}
    assert set(FCN.TAPS) <= set(extra.backbone.taps)


def test_what_describes_no_segmenter_is_refused():
    detector = replace(DESCRIPTION, arch=Arch("ssdlite", "small", 3), postprocessing=Postprocessing())
    with pytest.raises(ValueError, match="a segmenter needs the head lraspp or raspp; got ssdlite"):
        Segmenter(detector)
