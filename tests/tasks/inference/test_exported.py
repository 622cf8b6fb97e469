import pytest
import torch

from data.errors import InputError
from tasks.inference.loading import load, load_model
from tests.support.exports import export_small, random_images, small_model

IMAGES = torch.from_numpy(random_images(3)).permute(0, 3, 1, 2)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        *(pytest.param(other, marks=pytest.mark.slow) for other in ({"nms": False, "input": "float"}, {"batch": None})),
    ],
    ids=str,
)
@torch.no_grad()
def test_an_exported_detector_finds_what_its_checkpoint_finds(settings, tmp_path):
    model = small_model("ssdlite")
    found = load(export_small(model, tmp_path, **settings))(IMAGES)  # three images through a file of one, or of any
    for one, other in zip(found, model(IMAGES), strict=True):
        assert len(one.scores) == len(other.scores) > 20
        assert torch.allclose(one.boxes, other.boxes, atol=1e-2)
        assert torch.allclose(one.scores, other.scores, atol=1e-5)
        assert one.labels.tolist() == other.labels.tolist()


@pytest.mark.parametrize(
    "settings", [{}, pytest.param({"argmax": "none", "input": "float"}, marks=pytest.mark.slow)], ids=str
)
@torch.no_grad()
def test_an_exported_segmenter_classifies_as_its_checkpoint_does(settings, tmp_path):
    model = small_model("lraspp")
    found = load(export_small(model, tmp_path, **settings))(IMAGES)
    assert (found == model(IMAGES)).float().mean() > 0.999


@pytest.mark.slow
@torch.no_grad()
def test_classes_of_cells_are_enlarged(tmp_path):
    model = small_model("lraspp")
    found = load(export_small(model, tmp_path, argmax="low"))(IMAGES, size=(128, 192))
    assert found.shape == (3, 128, 192)
    assert (found == model(IMAGES, size=(128, 192))).float().mean() > 0.8


@pytest.mark.slow
def test_images_of_another_size_are_refused(tmp_path):
    model = load(export_small(small_model("lraspp"), tmp_path))
    with pytest.raises(InputError, match=r"images of 64 x 64: the exported file takes 64 x 96; .*size=\[64,64\]"):
        model(IMAGES[..., :64])


@pytest.mark.slow
def test_layers_and_weights_are_not_to_be_had_from_an_exported_file(tmp_path):
    path = export_small(small_model("lraspp"), tmp_path)
    with pytest.raises(InputError, match="an exported file; expected a checkpoint"):
        load_model(path)
