"""Data in the formats that people have, through training, evaluation and prediction."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.errors import InputError
from data.images import load_mask
from tasks.evaluate.command import evaluate
from tasks.train.command import train
from tests.support import trees
from tests.support.runs import load_config


def quick(task: str, dataset: str, root: Path, out: Path) -> list[str]:
    """Return the options of a training run of seconds."""
    size = "size=64" if task == "ssdlite" else "size=[32,32]"
    batch = ["dataset.workers=0", "batch_size=2", "model.bn_momentum=0.1", "trainer.max_epochs=1"]
    quiet = ["trainer.accelerator=cpu", "trainer.progress_bar=false"]
    data = [f"dataset={dataset}", f"dataset.root={root}"]
    return [f"task={task}", "backbone=small", *data, size, *batch, *quiet, f"out={out}"]


@pytest.mark.slow
@pytest.mark.parametrize("dataset", ["yolo", "voc"])
def test_boxes_of_other_formats_are_trained_on_and_evaluated_alike(
    dataset: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = {"yolo": trees.write_yolo, "voc": trees.write_flat_voc}[dataset](tmp_path / "data")
    with caplog.at_level(logging.INFO):
        metrics = train(load_config("train", *quick("ssdlite", dataset, root, tmp_path / "run")))
    assert "3 classes; boxes for training / evaluation: " in caplog.text
    assert set(metrics["per_class"]) == set(trees.NAMES)
    options = [f"checkpoint={tmp_path / 'run/model.safetensors'}", f"out={tmp_path / 'again'}", "accelerator=cpu"]
    assert evaluate(load_config("evaluate", *options))["mAP"] == pytest.approx(metrics["mAP"], abs=1e-6)
    results = json.loads((tmp_path / "again/results.json").read_text())
    assert {result["category_id"] for result in results} <= {0, 1, 2}
    assert {result["image_id"] for result in results} == {0}


@pytest.mark.slow
def test_a_share_is_evaluated_on_again_unless_a_split_is_named(tmp_path: Path) -> None:
    root = trees.write_yolo(tmp_path / "data")
    options = [*quick("ssdlite", "yolo", root, tmp_path / "run"), "dataset.val_share=0.4"]
    train(load_config("train", *options))
    checkpoint = f"checkpoint={tmp_path / 'run/model.safetensors'}"
    for name, others, count in (("share", [], 1), ("split", ["dataset.val=train"], 3)):
        evaluate(load_config("evaluate", checkpoint, f"out={tmp_path / name}", "accelerator=cpu", *others))
        results = json.loads((tmp_path / name / "results.json").read_text())
        assert len({result["image_id"] for result in results}) == count


def write_painted(root: Path, count: int) -> Path:
    """Write one split of masks of two colours."""
    for index in range(count):
        mask = np.zeros((40, 40, 3), dtype=np.uint8)
        mask[index : index + 20] = (128, 64, 128)
        for folder in ("images", "masks"):
            (root / folder).mkdir(parents=True, exist_ok=True)
            Image.fromarray(mask if folder == "masks" else 255 - mask).save(root / folder / f"{index}.png")
    return root


@pytest.mark.slow
def test_masks_of_colours_in_one_split_without_names_are_trained_on(tmp_path: Path) -> None:
    root = write_painted(tmp_path / "data", 8)
    options = [*quick("lraspp", "masks", root, tmp_path / "run"), "dataset.val_share=0.4"]
    metrics = train(load_config("train", *options))
    assert set(metrics["iou"]) == {"#000000", "#804080"}
    evaluating = [f"checkpoint={tmp_path / 'run/model.safetensors'}", f"out={tmp_path / 'again'}", "accelerator=cpu"]
    assert evaluate(load_config("evaluate", *evaluating))["mIoU"] == pytest.approx(metrics["mIoU"], abs=1e-6)


def test_one_split_alone_names_the_option_before_anything_is_written(tmp_path: Path) -> None:
    root = trees.write_yolo(tmp_path / "data", yaml=f"train: images/train\nnames: {trees.NAMES}\n")
    (root / "images" / "val").rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=r"data\.yaml: no split 'val'; expected .*dataset\.val_share=0\.2"):
        train(load_config("train", *quick("ssdlite", "yolo", root, tmp_path / "run")))
    assert not (tmp_path / "run").exists()


def test_values_that_are_not_allowed_are_refused_by_name(tmp_path: Path) -> None:
    options = quick("ssdlite", "yolo", tmp_path, tmp_path / "run")
    for share in ("1.5", "true", "half"):
        with pytest.raises(InputError, match=r"dataset\.?:? ?val_share"):
            train(load_config("train", *options, f"dataset.val_share={share}"))


@pytest.mark.slow
def test_masks_of_values_beyond_eight_bits_are_learned_and_written(tmp_path: Path) -> None:
    for split in ("train", "val"):
        for kind in ("images", "masks"):
            (tmp_path / "data" / kind / split).mkdir(parents=True)
        for number in range(4):
            mask = np.full((64, 64), 1000, np.uint16)
            mask[16:48, 16:48] = 2000
            Image.fromarray(np.full((64, 64, 3), 40 * number, np.uint8)).save(
                tmp_path / "data/images" / split / f"{number}.png"
            )
            Image.fromarray(mask).save(tmp_path / "data/masks" / split / f"{number}.png")
    options = quick("lraspp", "masks", tmp_path / "data", tmp_path / "run")
    train(load_config("train", *options, "dataset.palette={a: 1000, b: 2000}"))
    written = load_mask(tmp_path / "run/predictions/0.png")
    assert set(np.unique(written)) <= {1000, 2000}
