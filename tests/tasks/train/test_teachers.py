"""Which teachers are taken and which are refused, and that they answer as the network that they come from."""

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torch import Tensor
from torchvision.models.segmentation import deeplabv3_mobilenet_v3_large, lraspp_mobilenet_v3_large

from data.classes import ClassTable
from data.errors import InputError
from tasks.distillation.teacher import Teacher
from tasks.models.checkpoint import load_checkpoint
from tasks.models.network import build_model
from tasks.models.normalization import normalize
from tasks.models.preprocessing import Preprocessing
from tasks.models.pretrained.published import voc_classes
from tasks.train.teachers import load_teacher
from tests.support.peers import show_images
from tests.support.random_weights import randomize
from tests.support.runs import describe, small_run
from tests.support.starts import CLASSES, build_detector, save
from tests.support.teachers import SIZE, TINY, save_checkpoint, save_features


def teach(task: str, *options: str, classes: ClassTable = CLASSES) -> Teacher:
    """Load the teacher of a training command for data of these classes."""
    config = small_run(task, Path("run"), *options)
    teacher = load_teacher(config.distill, describe(config, classes), sizes=config.recipe.training_sizes)
    assert teacher is not None
    return teacher


def predict(path: str, images: Tensor) -> Any:
    """Return what a checkpoint predicts, normalised as it says itself."""
    description, weights = load_checkpoint(Path(path))
    model = build_model(description.arch).eval().to(memory_format=torch.channels_last)
    model.load_state_dict(weights)
    with torch.no_grad():
        return model(normalize(images, description.preprocessing))


def test_without_a_teacher_there_is_none() -> None:
    config = small_run("ssdlite", Path("run"))
    assert load_teacher(config.distill, describe(config, CLASSES), sizes=[SIZE]) is None


def test_a_detector_of_another_backbone_teaches_with_its_own_normalisation(tmp_path: Path) -> None:
    source = save_checkpoint(tmp_path, "ssdlite", "backbone=large", "preprocessing.mean=[0.1,0.2,0.3]")
    teacher = teach("ssdlite", f"distill.teacher={source}")
    images = show_images(SIZE)
    for found, expected in zip(teacher(images), predict(source, images), strict=True):
        torch.testing.assert_close(found, expected)
        assert not found.requires_grad
    assert teacher.class_map is None


def test_torchvisions_detector_teaches_some_of_its_classes(tmp_path: Path) -> None:
    source = save(build_detector(), tmp_path / "ssdlite.pth")
    options = ("task=ssdlite_torchvision", "size=320", f"distill.teacher={source}")
    teacher = teach("ssdlite", *options, classes=ClassTable.create(["car", "person"], [3, 1]))
    assert teacher.class_map.tolist() == [2, 0]  # type: ignore[union-attr]
    options_that_fit = r"fit: model.anchors=torchvision model.scores=softmax loss.assignment=iou$"
    with pytest.raises(InputError, match=options_that_fit):
        teach("ssdlite", "size=320", f"distill.teacher={source}", classes=ClassTable.create(["car"], [3]))


@pytest.mark.parametrize(("teaches", "learns"), [("lraspp", "raspp"), ("lraspp_torchvision", "lraspp")])
def test_a_segmenter_of_another_head_teaches_at_the_size_of_the_images(
    teaches: str, learns: str, tmp_path: Path
) -> None:
    source = save_checkpoint(tmp_path, teaches, "backbone=large")
    logits = teach(learns, f"distill.teacher={source}")(show_images(SIZE))
    assert logits.shape == (2, len(CLASSES), *SIZE)
    assert logits.dtype == torch.float32


def test_classes_are_found_by_their_names(tmp_path: Path) -> None:
    theirs = ClassTable.create(["car", "dog", "person", "rider"], range(4))
    source = save_checkpoint(tmp_path, "ssdlite", classes=theirs)
    assert teach("ssdlite", f"distill.teacher={source}").class_map.tolist() == [2, 3, 0]  # type: ignore[union-attr]
    with pytest.raises(InputError, match=r"distill.teacher=.*does not know 'bus'; .*this one knows car, dog"):
        teach("ssdlite", f"distill.teacher={source}", classes=ClassTable.create(["car", "bus"], [0, 1]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("model.anchors=torchvision",), r"model.anchors: torchvision in .*fit: model.anchors=torchvision$"),
        (
            ("model.scores=softmax", "loss.assignment=iou"),
            r"model.scores: softmax in the teacher, sigmoid here; options that fit: ",
        ),
        (("size=[64,64]",), r"size: \[64, 64\] in the teacher, \[64, 96\] here; options that fit: size=\[64,64\]$"),
    ],
)
def test_a_detector_of_other_anchors_or_scores_is_refused_with_the_option_that_fits(
    options: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    source = save_checkpoint(tmp_path, "ssdlite", *options)
    with pytest.raises(InputError, match=message):
        teach("ssdlite", f"distill.teacher={source}")


def test_a_teacher_of_another_task_is_refused(tmp_path: Path) -> None:
    source = save_checkpoint(tmp_path, "ssdlite")
    with pytest.raises(InputError, match=r"distill.teacher: .*is of ssdlite; expected a teacher for lraspp"):
        teach("lraspp", f"distill.teacher={source}")
    with pytest.raises(InputError, match=r"a segmenter for ssdlite"):
        teach("ssdlite", "distill.teacher=torchvision:fcn_resnet50", "distill.weights=none.pth")


def test_torchvisions_segmenter_teaches_as_torchvision_runs_it(tmp_path: Path) -> None:
    torch.manual_seed(0)
    peer = randomize(deeplabv3_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=3, aux_loss=True))
    source = save(peer, tmp_path / "deeplab.pth")
    teacher = teach("lraspp", "distill.teacher=torchvision:deeplabv3_mobilenet_v3_large", f"distill.weights={source}")
    images, peer = show_images(SIZE), peer.to(memory_format=torch.channels_last)
    entry = Preprocessing(None, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    with torch.no_grad():
        torch.testing.assert_close(teacher(images), peer(normalize(images, entry))["out"])


def build_voc(path: Path) -> tuple[str, ...]:
    source = save(lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=21), path)
    return "distill.teacher=torchvision:lraspp_mobilenet_v3_large", f"distill.weights={source}"


def test_21_classes_are_those_of_voc_where_the_students_are_among_them(tmp_path: Path) -> None:
    options = build_voc(tmp_path / "voc.pth")
    person = ClassTable.create(["person", "background"], [1, 0])
    assert teach("lraspp", *options, classes=person).class_map.tolist() == [15, 0]  # type: ignore[union-attr]
    assert teach("lraspp", *options, classes=voc_classes()).class_map is None
    assert (
        teach("lraspp", *options, classes=ClassTable.create([f"c{i}" for i in range(21)], range(21))).class_map is None
    )
    with pytest.raises(InputError, match=r"21 classes without names, 3 here; expected as many; .* among VOC's"):
        teach("lraspp", *options)


def test_a_file_of_another_network_is_refused_naming_tensors(tmp_path: Path) -> None:
    source = save(lraspp_mobilenet_v3_large(weights=None, weights_backbone=None), tmp_path / "lraspp.pth")
    with pytest.raises(InputError, match=r"not of torchvision's fcn_resnet50: missing, unknown .* backbone.conv1"):
        teach("lraspp", "distill.teacher=torchvision:fcn_resnet50", f"distill.weights={source}")
    with pytest.raises(InputError, match=rf"not of timm's {TINY}: missing, unknown .* conv_stem"):
        teach("ssdlite", f"distill.teacher=timm:{TINY}", f"distill.weights={source}")


@pytest.mark.parametrize("task", ["ssdlite", "lraspp"])
def test_features_of_timm_are_its_last_map_and_the_projection_leads_to_them(task: str, tmp_path: Path) -> None:
    features = save_features(tmp_path)
    teacher = teach(task, *features)
    peer = timm.create_model(TINY, features_only=True, out_indices=(-1,)).eval()
    peer.load_state_dict(torch.load(features[1].partition("=")[2], weights_only=True), strict=False)
    images = show_images(SIZE)
    entry = Preprocessing(None, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    with torch.no_grad():
        torch.testing.assert_close(teacher(images), peer(normalize(images, entry))[0])
    assert teacher.projection.weight.requires_grad  # type: ignore[union-attr]
    assert teacher.projection.out_channels == teacher(images).shape[1]  # type: ignore[union-attr]


def test_a_model_of_one_size_is_refused_for_another(tmp_path: Path) -> None:
    name = "vit_tiny_patch16_224"
    source = save(timm.create_model(name), tmp_path / "vit.pth")
    with pytest.raises(InputError, match=r"no feature map of images of size \(64, 96\): .*224"):
        teach("ssdlite", f"distill.teacher=timm:{name}", f"distill.weights={source}")
