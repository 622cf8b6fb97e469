import subprocess
import sys

import pytest

import tasks.detection.settings as detection
import tasks.segmentation.settings as segmentation
from data.errors import InputError
from tasks.cli.options import ACCELERATORS, check_choice, parse

QUICK = (
    "backbones.baselines",
    "backbones.tables",
    "data.classes",
    "data.errors",
    "data.sizes",
    "heads.anchor_layouts",
    "heads.lraspp_conventions",
    "tasks.cli.entry",
    "tasks.cli.options",
    "tasks.detection.settings",
    "tasks.distillation.settings",
    "tasks.models.architecture",
    "tasks.models.description",
    "tasks.models.postprocessing",
    "tasks.models.preprocessing",
    "tasks.optimization",
    "tasks.segmentation.settings",
)
SLOW = ("albumentations", "cv2", "lightning", "timm", "torch", "torchvision")


def test_a_configuration_is_checked_before_anything_slow_is_imported():
    program = f"import sys, {', '.join(QUICK)}; print(*(name for name in {SLOW} if name in sys.modules))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


@pytest.mark.parametrize("settings", [detection.Augmentation, segmentation.Augmentation])
def test_augmentation_holds_its_bounds_and_nothing_beyond(settings):
    assert [parse(settings, {"color": color}, "augmentation").color for color in (0, 0.25, 1)] == [0, 0.25, 1]
    with pytest.raises(InputError, match=r"^augmentation.color: 1.01; expected 0 to 1$"):
        parse(settings, {"color": 1.01}, "augmentation")


@pytest.mark.parametrize(
    ("settings", "field", "value", "message"),
    [
        (detection.Augmentation, "crop", 2.0, "augmentation.crop: 2.0; expected 0 to 1"),
        (detection.Augmentation, "crop", "often", "augmentation.crop: 'often'; expected a number"),
        (detection.Augmentation, "color", float("nan"), "augmentation.color: nan; expected 0 to 1"),
        (segmentation.Augmentation, "color", True, "augmentation.color: True; expected a number"),
        (segmentation.Augmentation, "rare_crops", -0.1, "augmentation.rare_crops: -0.1; expected 0 to 1"),
    ],
)
def test_an_impossible_augmentation_is_refused_by_name(settings, field, value, message):
    with pytest.raises(InputError) as refused:
        parse(settings, {field: value}, "augmentation")
    assert str(refused.value) == message


def test_an_unknown_name_is_answered_with_the_known_ones():
    check_choice("gpu", ACCELERATORS, "accelerator")
    with pytest.raises(InputError, match=r"^accelerator: unknown 'tpu'; choose from auto, cpu, cuda, gpu, mps$"):
        check_choice("tpu", ACCELERATORS, "accelerator")


def test_scales_are_one_factor_or_a_range():
    ranges = [segmentation.Augmentation(scales).scales for scales in ((1, 1), (0.5, 2.0))]
    assert ranges == [(1, 1), (0.5, 2.0)]


@pytest.mark.parametrize("scales", [(), (1.0,), (2.0, 0.5), (0, 1), (1, float("inf")), (0.5, 1, 2), ("a", "b"), 1.0])
def test_scales_that_are_no_range_are_refused_by_name(scales):
    with pytest.raises(ValueError, match=r"^augmentation.scales: .*; expected two factors above 0, the lowest first$"):
        segmentation.Augmentation(scales)
