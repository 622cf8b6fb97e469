import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from data.datasets import BOX_FORMATS, LABEL_FORMATS, MASK_FORMATS
from data.errors import InputError
from data.formats.cityscapes import CITYSCAPES_CLASSES
from tasks.models.network import build_model
from tasks.models.normalization import normalize
from tasks.models.preprocessing import Preprocessing
from tasks.parsing import to_plain
from tasks.segmentation.settings import LossSettings
from tasks.train import plan
from tests.support.runs import CONF, KINDS, REQUIRED, describe, load_config, small_run

CLASSES = CITYSCAPES_CLASSES
TABLE = CONF.parent / "tests/support/table.yaml"


def group(name: str) -> list[str]:
    return sorted(path.stem for path in (CONF / name).glob("*.yaml"))


def overrides_of_groups() -> list[tuple[str, ...]]:
    given = {"table": (f"model.table={TABLE}",)}  # whose file there is none of
    choices = [
        (f"{name}={option}", *given.get(option, ()))
        for name in ("backbone", "optimizer", "trainer", "experiment")
        for option in group(name)
    ]
    pairs = [(f"task={task}", f"dataset={dataset}") for task in group("task") for dataset in group("dataset")]
    formats = {"ssdlite": BOX_FORMATS, "classify": LABEL_FORMATS}  # the others are for masks
    own = {task: formats.get(task.removeprefix("task=").split("_")[0], MASK_FORMATS) for task, _ in pairs}
    servable = [(t, d) for t, d in pairs if d.removeprefix("dataset=") in own[t]]
    return choices + servable


@pytest.mark.parametrize("overrides", overrides_of_groups(), ids=" ".join)
def test_every_yaml_composes_and_builds(overrides: tuple[str, ...]) -> None:
    model = build_model(describe(load_config("train", *overrides), CLASSES).arch)
    assert sum(parameter.numel() for parameter in model.parameters()) > 400_000


@pytest.mark.parametrize("command", ["train", "evaluate", "predict", "benchmark", "demo", "doctor", "export"])
def test_every_command_shows_its_options_without_loading_torch(command: str) -> None:
    script = (
        "import atexit, runpy, sys\n"
        "atexit.register(lambda: sys.stdout.write(str('torch' in sys.modules)))\n"
        "sys.argv = ['x', '--help']\n"
        f"runpy.run_module('tasks.{command}', run_name='__main__')"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=CONF.parent)
    assert shown.returncode == 0, shown.stderr
    assert "checkpoint:" in shown.stdout or "batch_size:" in shown.stdout
    assert shown.stdout.endswith("False")


@pytest.mark.parametrize("command", KINDS)
def test_every_option_of_a_command_stands_in_its_file(command: str) -> None:
    options = to_plain(load_config(command, *REQUIRED.get(command, ())))
    with initialize_config_dir(str(CONF), version_base="1.3"):
        assert {str(name) for name in compose(command)} == set(options)


def test_a_misspelt_option_is_refused_by_name() -> None:
    with pytest.raises(Exception, match="learning_rate"):
        load_config("train", "learning_rate=1")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.halving=half", "model.halving"),
        ("model.output_stride=8", "model.output_stride"),
        ("model.anchors=yolo", "model.anchors"),
        ("model.width=-1", "model.width"),
        ("size=16", "size: 16"),
        ("size=[320]", "size"),
        ("postprocessing.iou_threshold=high", "postprocessing.iou_threshold"),
    ],
)
def test_a_value_that_is_not_allowed_is_refused_naming_its_field(override: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_config("train", override)


def test_the_command_line_wins_over_task_and_experiment() -> None:
    recipe = load_config("train", "task=lraspp", "experiment=demo_lraspp", "size=[128,160]", "lr=0.5").recipe
    assert (recipe.size, recipe.lr) == ((128, 160), 0.5)


@pytest.mark.parametrize(("task", "dice"), [("lraspp", 1.0), ("lraspp_torchvision", 0.0), ("raspp", 1.0)])
def test_segmenters_are_taught_by_cross_entropy_and_dice_but_torchvisions(task: str, dice: float) -> None:
    own = load_config("train", f"task={task}").recipe.own
    assert own.loss == LossSettings(dice=dice)
    assert own.augmentation.rare_crops == 0


@pytest.mark.parametrize(("typed", "size"), [("320", (320, 320)), ("[192,288]", (192, 288))])
def test_a_size_is_a_number_or_height_and_width(typed: str, size: tuple[int, int]) -> None:
    config = load_config("train", f"size={typed}")
    assert config.recipe.input_size == describe(config, CLASSES).preprocessing.size == size


def test_each_step_of_training_has_one_of_several_sizes() -> None:
    recipe = load_config("train", "sizes=[256,[320,384]]").recipe
    assert (recipe.input_size, recipe.training_sizes) == ((320, 320), ((256, 256), (320, 384)))
    assert load_config("train", "task=classify").recipe.training_sizes == ((224, 224),)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ("256", "sizes: 256; expected a list of"),
        ("[]", r"sizes: \[\]; expected two sizes or more"),
        ("[256]", "expected two sizes or more, each once"),
        ("[256,320,[256,256]]", "expected two sizes or more, each once"),
        ("[256,31]", r"sizes: 31; expected N or \[height, width\], integers from 32"),
        ("[256,8192]", "expected sides of at most 4096 pixels"),
    ],
)
def test_sizes_that_a_network_cannot_be_trained_at_are_refused(sizes: str, message: str) -> None:
    with pytest.raises(InputError, match=f"^sizes: .*{message.removeprefix('sizes: ')}"):
        load_config("train", f"sizes={sizes}")


def test_a_segmenter_has_crops_of_one_size() -> None:
    recipe = load_config("train", "task=lraspp").recipe
    with pytest.raises(ValueError, match=r"sizes: \[256, 320\]; segmentation has crops of one size=; expected null"):
        replace(recipe, sizes=(256, 320))


@pytest.mark.parametrize("task", group("task"))
def test_a_configuration_survives_being_written(task: str, tmp_path: Path) -> None:
    config = small_run(task, tmp_path / "run", "weights=imagenet", "freeze=3")
    OmegaConf.save(to_plain(config), tmp_path / "config.yaml")
    assert OmegaConf.to_container(OmegaConf.load(tmp_path / "config.yaml")) == to_plain(config)
    assert plan.load_config(tmp_path / "config.yaml") == config


def test_batches_enter_the_network_channels_last() -> None:
    images = torch.zeros(2, 8, 8, 3, dtype=torch.uint8).permute(0, 3, 1, 2)
    preprocessing = describe(load_config("train"), CLASSES).preprocessing
    assert normalize(images, preprocessing).is_contiguous(memory_format=torch.channels_last)


def test_images_are_normalized_by_hand_whatever_their_type() -> None:
    preprocessing = Preprocessing(None, mean=(0.0, 0.5, 1.0), std=(1.0, 0.5, 0.2))
    images = torch.tensor([51, 51, 51], dtype=torch.uint8).reshape(1, 3, 1, 1)
    for values in (images, images.float()):
        found = normalize(values, preprocessing)
        assert found.dtype == torch.float32
        torch.testing.assert_close(found.flatten(), torch.tensor([0.2, -0.6, -4.0]))
        assert values.flatten().tolist() == [51, 51, 51]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_normalizing_does_not_wait_for_the_gpu() -> None:
    images = torch.zeros(1, 3, 8, 8, dtype=torch.uint8, device="cuda")
    torch.cuda.set_sync_debug_mode("error")
    try:
        assert normalize(images, Preprocessing(None)).device == images.device
    finally:
        torch.cuda.set_sync_debug_mode("default")
