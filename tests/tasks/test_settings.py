import subprocess
import sys

import pytest

import tasks.detection.settings as detection
import tasks.segmentation.settings as segmentation
from data.errors import InputError
from tasks.parsing import parse

QUICK = (
    "backbones.baselines",
    "backbones.tables",
    "data.classes",
    "data.config",
    "data.errors",
    "data.sizes",
    "heads.anchor_layouts",
    "heads.lraspp_conventions",
    "tasks.benchmark.__main__",
    "tasks.cli.entry",
    "tasks.compare.__main__",
    "tasks.demo.__main__",
    "tasks.doctor.__main__",
    "tasks.evaluate.__main__",
    "tasks.models.architecture",
    "tasks.models.description",
    "tasks.predict.__main__",
    "tasks.recipe",
    "tasks.search.__main__",
    "tasks.sweep.__main__",
    "tasks.task",
    "tasks.train.__main__",
)
SLOW = ("albumentations", "cv2", "lightning", "timm", "torch", "torchvision")
RUN = f"""
import importlib, sys
for line in sys.argv[1:]:
    sys.argv = line.split()
    try:
        importlib.import_module("tasks." + sys.argv[0] + ".__main__").main()
    except SystemExit as left:
        print(left.code, *(name for name in {SLOW} if name in sys.modules))
"""
WRONG = {
    "train": (
        "batch_size=0",
        "lr=fast",
        "size=[64]",
        "weights=3 freeze=[1]",
        "model.width=wide",
        "preprocessing.mean=0.5",
        "augmentation.crop=often",
        "loss.candidates=2.5",
        "postprocessing.iou_threshold=2",
        "dataset.workers=many",
        "optimizer.momentum=true",
        "trainer.max_epochs=none",
        "trainer.augment=gpu",
        "distill.temperature=0",
    ),
    "search": ("target_latency=slow", "epochs=0", "backbone=mobilenetv2", "device=gpu"),
    "sweep": ("space=x trials=0", "space=x jobs=none", "space=x engine=slurm", "space=x gpus=1", "space=x lr=fast"),
    "evaluate": ("checkpoint=x batch_size=0", "checkpoint=x threshold.rule=best", "checkpoint=x scales=[big]"),
    "predict": ("checkpoint=x source=x every=0", "checkpoint=x source=x tile=16"),
    "benchmark": ("repeats=0", "task=lraspp loss.dice=-1"),
    "doctor": ("decode=7", "dataset.cache=tape"),
    "demo": ("checkpoint=x port=www",),
}


def test_a_configuration_is_checked_before_anything_slow_is_imported():
    program = f"import sys, {', '.join(QUICK)}; print(*(name for name in {SLOW} if name in sys.modules))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


@pytest.mark.slow
def test_a_wrong_option_of_any_group_ends_a_command_before_torch_is_imported():
    lines = [f"{command} {options}" for command, wrong in WRONG.items() for options in wrong]
    ended = subprocess.run([sys.executable, "-c", RUN, *lines], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines() == ["2"] * len(lines)
    for line, said in zip(lines, ended.stderr.splitlines(), strict=True):
        assert said.startswith(f"error: {line.split()[-1].partition('=')[0]}: "), line


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


def test_scales_are_one_factor_or_a_range():
    ranges = [segmentation.Augmentation(scales).scales for scales in ((1, 1), (0.5, 2.0))]
    assert ranges == [(1, 1), (0.5, 2.0)]


@pytest.mark.parametrize("scales", [[2.0, 0.5], [0, 1], [1, float("inf")]])
def test_scales_that_are_no_range_are_refused_by_name(scales):
    with pytest.raises(InputError, match=r"^augmentation.scales: .*; expected two factors above 0, the lowest first$"):
        parse(segmentation.Augmentation, {"scales": scales}, "augmentation")


@pytest.mark.parametrize("scales", [[], [1.0], [0.5, 1, 2], ["a", "b"], 1.0])
def test_scales_that_are_no_two_numbers_are_refused_by_name(scales):
    with pytest.raises(InputError, match=r"^augmentation.scales: .*; expected \[a number, a number\]$"):
        parse(segmentation.Augmentation, {"scales": scales}, "augmentation")
