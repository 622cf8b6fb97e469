"""What a user gets for wrong input, through the same functions that the commands call."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from data.errors import InputError
from data.synthetic.writing import write_synthetic
from tasks.evaluate.command import evaluate
from tasks.predict.command import predict
from tasks.train.command import train
from tests.support.runs import CONF, load_config, small_run
from tests.support.trained import Trained

pytestmark = pytest.mark.usefixtures("blank_figures")


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    """Return a small COCO tree and Cityscapes tree that a test may spoil."""
    write_synthetic(tmp_path / "scenes", train=4, val=2)
    return tmp_path / "scenes"


@pytest.fixture(scope="module")
def run(trained: Callable[[str], Trained]) -> Path:
    """Return the folder of a detector's run."""
    return trained("ssdlite").folder


def quick(task: str, dataset: str, root: Path, out: Path) -> list[str]:
    """Return the options of a training run of seconds on a tree that `write_synthetic` wrote."""
    return [
        f"task={task}",
        "backbone=small",
        f"dataset={dataset}",
        f"dataset.root={root / dataset}",
        "dataset.train=train",
        "dataset.val=val",
        "dataset.workers=0",
        "size=64",
        "batch_size=2",
        "trainer.max_epochs=1",
        "trainer.accelerator=cpu",
        "trainer.progress_bar=false",
        f"out={out}",
    ]


def spoil_json(scenes: Path, change: Any) -> None:
    path = scenes / "coco/annotations/instances_val.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def remove_val(scenes: Path) -> None:
    for image in (scenes / "coco/val").iterdir():
        image.unlink()


def not_coco(scenes: Path) -> None:
    (scenes / "coco/annotations/instances_val.json").write_text('{"shapes": []}')


def unlisted_image(scenes: Path) -> None:
    spoil_json(scenes, lambda content: content["images"].pop(0))


def text_as_image(scenes: Path) -> None:
    (scenes / "coco/val/000001.jpg").write_text("no picture")


def unknown_class(scenes: Path) -> None:
    spoil_json(scenes, lambda content: content["categories"].append({"id": 99, "name": "unicorn"}))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (remove_val, "val.*missing or empty"),
        (not_coco, "instances_val.json.*images"),
        (unlisted_image, "instances_val.json.*image_id"),
        (text_as_image, "000001.jpg.*not an image"),
        (unknown_class, "instances_val.json.*unicorn"),
    ],
)
def test_bad_detection_data_stop_a_run_before_it_begins(spoil: Any, message: str, scenes: Path, tmp_path: Path) -> None:
    spoil(scenes)
    with pytest.raises(InputError, match="(?s)" + message):
        train(load_config("train", *quick("ssdlite", "coco", scenes, tmp_path / "out")))
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_bad_boxes_are_dropped_with_a_count(scenes: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def spoil(content: dict[str, Any]) -> None:
        content["annotations"][0]["bbox"] = [10, 10, 0, 5]
        content["annotations"][1]["bbox"] = [float("nan"), 10, 5, 5]

    spoil_json(scenes, spoil)
    metrics = train(load_config("train", *quick("ssdlite", "coco", scenes, tmp_path / "out")))
    warnings = [record.message for record in caplog.records if "instances_val.json: left out" in record.message]
    assert ["zero width" in warning for warning in warnings] == [False, True]
    assert "1 of 6 boxes: NaN" in warnings[0]
    assert 0 <= metrics["mAP"] <= 1


def a_mask(scenes: Path) -> Path:
    return next((scenes / "cityscapes/gtFine/train").rglob("*labelIds.png"))


def test_a_mask_of_the_wrong_size_stops_a_run_before_it_begins(scenes: Path, tmp_path: Path) -> None:
    Image.fromarray(np.zeros((5, 5), np.uint8)).save(a_mask(scenes))
    with pytest.raises(InputError, match=a_mask(scenes).name.removesuffix("_gtFine_labelIds.png")):
        train(load_config("train", *quick("lraspp", "cityscapes", scenes, tmp_path / "out")))
    assert not (tmp_path / "out").exists()


def test_a_label_id_out_of_range_is_named_when_it_is_read(scenes: Path, tmp_path: Path) -> None:
    Image.fromarray(np.full((256, 384), 77, np.uint8)).save(a_mask(scenes))
    with pytest.raises(InputError, match=rf"{a_mask(scenes).name}.*77"):
        train(load_config("train", *quick("lraspp", "cityscapes", scenes, tmp_path / "out")))


@pytest.mark.slow
def test_a_truncated_image_ends_the_command_with_one_clear_line(scenes: Path, tmp_path: Path) -> None:
    image = scenes / "coco/train/000002.jpg"
    image.write_bytes(image.read_bytes()[:3000])
    options = quick("ssdlite", "coco", scenes, tmp_path / "out")
    command = [sys.executable, "-m", "tasks.train", *options, "dataset.workers=2"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=CONF.parent)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr + ended.stdout
    assert f"error: {image}: " in ended.stderr
    assert "truncated" in ended.stderr
    assert not (tmp_path / "out/metrics.json").exists()
    assert not (tmp_path / "out/model.safetensors").exists()


@pytest.mark.parametrize(
    "option", ["batch_size=0", "batch_size=2.5", "trainer.max_epochs=0", "seed=-1", "lr=fast", "lr=0"]
)
def test_a_senseless_number_is_refused_naming_its_option(option: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=option.split("=")[0]):
        train(small_run("ssdlite", tmp_path / "out", option))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "option",
    [
        "loss.ohem=0",
        "loss.ohem=some",
        "loss.dice=-1",
        "loss.lovasz=.inf",
        "loss.label_smoothing=1",
        "loss.aux_weight=true",
        "augmentation.rare_crops=2",
        "augmentation.rare_crops=often",
    ],
)
def test_a_senseless_option_of_a_segmenter_is_refused_by_name(option: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"^{option.split('=')[0]}: .*expected"):
        train(small_run("lraspp", tmp_path / "out", option))
    assert not (tmp_path / "out").exists()


def test_a_data_set_of_the_other_task_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="dataset=coco is not for segmentation"):
        train(load_config("train", "task=lraspp", "dataset=coco", f"out={tmp_path / 'out'}"))


def test_a_missing_cityscapes_says_where_it_looked_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"(?s){tmp_path}.*cityscapes-dataset.com.*dataset=synthetic"):
        train(load_config("train", "task=lraspp", "dataset=cityscapes", f"dataset.root={tmp_path / 'none'}"))


def test_a_folder_without_a_run_cannot_be_resumed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="resume"):
        train(load_config("train", f"resume={tmp_path}"))


def test_a_checkpoint_of_the_other_task_is_refused(run: Path, scenes: Path, tmp_path: Path) -> None:
    options = ["dataset=cityscapes", f"dataset.root={scenes / 'cityscapes'}", f"out={tmp_path / 'out'}"]
    with pytest.raises(InputError, match="cityscapes is not for detection"):
        evaluate(load_config("evaluate", f"checkpoint={run / 'model.safetensors'}", *options))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("scales=[0.5,1.0]", "ssdlite is not a segmenter"),
        ("flip=true", "ssdlite is not a segmenter"),
        ("flip=2", "flip: 2; expected true or false"),
        ("scales=[]", r"scales: \[\]; expected a list of numbers above 0"),
        ("scales=[0]", "expected a list of numbers above 0"),
        ("scales=1", "scales: 1; expected a list"),
        ("scales=[big]", "expected a list of numbers"),
    ],
)
def test_averaging_over_what_cannot_be_is_refused(option: str, message: str, run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        evaluate(load_config("evaluate", f"checkpoint={run / 'model.safetensors'}", option, f"out={tmp_path / 'out'}"))
    assert not (tmp_path / "out").exists()


def test_data_of_classes_that_the_checkpoint_does_not_know_are_refused(run: Path, scenes: Path, tmp_path: Path) -> None:
    unknown_class(scenes)
    options = ["dataset=coco", f"dataset.root={scenes / 'coco'}", "dataset.val=val", f"out={tmp_path / 'out'}"]
    with pytest.raises(InputError, match=r"instances_val.json.*unicorn"):
        evaluate(load_config("evaluate", f"checkpoint={run / 'model.safetensors'}", *options))


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path: Path) -> None:
    torch.save({"bneck": {}, "state_dict": {}, "hook": Path}, tmp_path / "evil.ckpt")
    with pytest.raises(InputError, match=r"evil.ckpt.*plain values"):
        predict(load_config("predict", f"checkpoint={tmp_path / 'evil.ckpt'}", "source=x", f"out={tmp_path / 'out'}"))


def spoiled_description(run: Path, tmp_path: Path, change: Any) -> Path:
    content = torch.load(run / "checkpoints/best.ckpt", weights_only=True)
    change(content)
    torch.save(content, tmp_path / "spoiled.ckpt")
    return tmp_path / "spoiled.ckpt"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content["bneck"]["arch"].update(backbone="huge"), "backbone"),
        (lambda content: content["bneck"]["arch"].update(surprise=1), "surprise"),
        (lambda content: content["bneck"].update(version=99), "version 99"),
        (lambda content: content["bneck"].pop("classes"), "classes"),
        (lambda content: content["bneck"]["classes"]["names"].pop(), "class names"),
        (lambda content: content["bneck"]["arch"].update(num_classes=2), "6 classes for 2 outputs"),
        (lambda content: content["bneck"]["preprocessing"].update(size=[]), "size"),
        (lambda content: content["bneck"]["preprocessing"].update(size=None), "input size"),
        (lambda content: content["bneck"]["preprocessing"].update(std=[1.0]), "std"),
        (lambda content: content["bneck"].update(dataset={}), "name"),
        (lambda content: content.update(state_dict=3), "bneck"),
        (lambda content: content["bneck"]["arch"].update(width=0.5), "do not fit"),
        (lambda content: content["state_dict"].popitem(), "do not fit"),
        (lambda content: content.pop("bneck"), "bneck"),
    ],
)
def test_a_spoiled_checkpoint_is_refused_by_field(change: Any, message: str, run: Path, tmp_path: Path) -> None:
    checkpoint = spoiled_description(run, tmp_path, change)
    with pytest.raises(InputError, match=message):
        evaluate(load_config("evaluate", f"checkpoint={checkpoint}", f"out={tmp_path / 'out'}"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["none.ckpt", "foreign.safetensors", "text.ckpt"])
def test_a_file_that_is_no_checkpoint_is_refused(name: str, tmp_path: Path) -> None:
    save_file({"weight": torch.zeros(1)}, tmp_path / "foreign.safetensors")
    (tmp_path / "text.ckpt").write_text("hello")
    with pytest.raises(InputError, match=name):
        evaluate(load_config("evaluate", f"checkpoint={tmp_path / name}", f"out={tmp_path / 'out'}"))


@pytest.mark.parametrize("source", ["nothing", "empty", "text.jpg", "none/*.jpg"])
def test_a_source_without_images_is_refused(source: str, run: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.jpg").write_text("hello")
    options = [f"checkpoint={run / 'model.safetensors'}", f"source='{tmp_path / source}'", f"out={tmp_path / 'out'}"]
    with pytest.raises(InputError, match=source.split("/")[0]):
        predict(load_config("predict", *options))
    assert not (tmp_path / "out").exists()
