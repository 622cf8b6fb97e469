import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from data.config import DatasetConfig
from data.errors import InputError
from tasks.evaluate.command import evaluate
from tasks.models.checkpoint import check_rewritable, load_checkpoint, store_thresholds
from tasks.train.command import train
from tasks.train.progress import Progress
from tests.support.runs import load_config, small_run
from tests.support.trained import Trained

PICTURES = {
    "ssdlite": ("f1.png", "errors.png", "precision_recall.png", "confusion_matrix.png"),
    "lraspp": ("boundary.png", "iou.png", "confusion_matrix.png"),
}
CHOSEN = tuple(0.01 * k for k in range(1, 7))


@pytest.fixture(scope="module")
def runs(trained: Callable[[str], Trained]) -> dict[str, Path]:
    """Return the folders of a detector's run and a segmenter's."""
    return {task: trained(task).folder for task in PICTURES}


def run_command(*options: str) -> dict[str, Any]:
    return evaluate(load_config("evaluate", *options, "accelerator=cpu"))


@pytest.mark.parametrize("task", PICTURES)
def test_training_ends_with_the_analysis_that_the_command_writes(
    runs: dict[str, Path], task: str, tmp_path: Path
) -> None:
    run_command(f"checkpoint={runs[task] / 'model.safetensors'}", f"out={tmp_path / 'out'}")
    analyses = [json.loads((folder / "analysis.json").read_text()) for folder in (runs[task], tmp_path / "out")]
    assert analyses[0] == analyses[1]
    for name in (*PICTURES[task], *(entry["picture"] for entry in analyses[0]["worst"])):
        assert np.array(Image.open(tmp_path / "out" / name)).std() > 5
    assert len(analyses[0]["worst"]) == len(list((tmp_path / "out/worst").iterdir())) == 4
    assert all(entry["why"] for entry in analyses[0]["worst"])


def contents(path: Path) -> dict[str, Any]:
    """Return every value of a checkpoint but its description by its place; of tensors also how they lie in memory."""
    content = torch.load(path, weights_only=True) if path.suffix == ".ckpt" else load_checkpoint(path)[1]
    content.pop("bneck", None)
    found: dict[str, Any] = {}

    def walk(value: Any, place: str) -> None:
        if isinstance(value, torch.Tensor):
            found[place] = (value.dtype, value.stride(), value.numpy().tobytes())
        elif isinstance(value, dict):
            for key, entry in value.items():
                walk(entry, f"{place}/{key!r}")
        elif isinstance(value, list | tuple):
            for index, entry in enumerate(value):
                walk(entry, f"{place}/{index}")
        else:
            found[place] = value

    walk(content, "")
    return found


@pytest.mark.slow
@pytest.mark.usefixtures("blank_figures")
@pytest.mark.parametrize("file", ["checkpoints/best.ckpt", "model.safetensors"])
def test_thresholds_are_stored_beside_the_weights_which_stay_bit_by_bit(
    runs: dict[str, Path], file: str, tmp_path: Path
) -> None:
    checkpoint = tmp_path / Path(file).name
    shutil.copy(runs["ssdlite"] / file, checkpoint)
    before, described = contents(checkpoint), load_checkpoint(checkpoint)[0]
    rule = ("threshold.rule=false_positives", "threshold.limit=0.5", "store_thresholds=true")
    run_command(f"checkpoint={checkpoint}", f"out={tmp_path / 'out'}", *rule)
    assert contents(checkpoint) == before
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [checkpoint.name]
    found = load_checkpoint(checkpoint)[0]
    assert {**found.to_dict(), "thresholds": None} == described.to_dict()
    written = json.loads((tmp_path / "out/analysis.json").read_text())["per_class"]
    assert found.thresholds == tuple(entry["threshold"] for entry in written.values())
    assert described.thresholds is None


@pytest.mark.usefixtures("blank_figures")
def test_an_evaluation_goes_by_the_thresholds_of_the_checkpoint_and_does_not_store_them_again(
    runs: dict[str, Path], tmp_path: Path
) -> None:
    checkpoint = tmp_path / "model.safetensors"
    shutil.copy(runs["ssdlite"] / "model.safetensors", checkpoint)
    store_thresholds(checkpoint, CHOSEN)
    run_command(f"checkpoint={checkpoint}", f"out={tmp_path / 'out'}")
    written = json.loads((tmp_path / "out/analysis.json").read_text())["per_class"]
    assert tuple(entry["threshold"] for entry in written.values()) == CHOSEN
    with pytest.raises(InputError, match="holds some already"):
        run_command(f"checkpoint={checkpoint}", f"out={tmp_path / 'again'}", "store_thresholds=true")


@pytest.mark.slow
@pytest.mark.usefixtures("blank_figures")
def test_a_run_with_stored_thresholds_resumes_as_it_would_have_and_drops_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, stored = tmp_path / "plain", tmp_path / "stored"
    start = Progress.on_train_epoch_start

    def fail(self: Progress, trainer: Any, module: Any) -> None:
        if trainer.current_epoch == 1:
            raise RuntimeError("power cut")
        start(self, trainer, module)

    monkeypatch.setattr(Progress, "on_train_epoch_start", fail)
    with pytest.raises(RuntimeError, match="power cut"):
        train(small_run("ssdlite", plain))
    monkeypatch.setattr(Progress, "on_train_epoch_start", start)
    shutil.copytree(plain, stored)
    store_thresholds(stored / "checkpoints/last.ckpt", CHOSEN)
    for folder in (plain, stored):
        train(load_config("train", f"resume={folder}"))
    weights = [contents(folder / "model.safetensors") for folder in (plain, stored)]
    assert weights[0] == weights[1]
    assert load_checkpoint(stored / "checkpoints/last.ckpt")[0].thresholds is None


@pytest.mark.parametrize(
    ("task", "options", "message"),
    [
        ("ssdlite", ["threshold.rule=F1"], "threshold.*unknown 'F1'; choose from f1, false_positives"),
        ("ssdlite", ["threshold.limit=-1"], "threshold.*limit: -1"),
        ("ssdlite", ["threshold=0.5"], "threshold: 0.5; expected options by name, such as threshold.rule=VALUE"),
        ("ssdlite", ["store_thresholds=1"], "store_thresholds: 1; expected true or false"),
        ("lraspp", ["threshold.rule=f1"], "lraspp is not a detector"),
        ("lraspp", ["store_thresholds=true"], "lraspp is not a detector"),
    ],
)
def test_thresholds_that_cannot_be_are_refused(
    runs: dict[str, Path], task: str, options: list[str], message: str, tmp_path: Path
) -> None:
    checkpoint = runs[task] / "model.safetensors"
    before = checkpoint.read_bytes()
    with pytest.raises(InputError, match=message):
        run_command(f"checkpoint={checkpoint}", f"out={tmp_path / 'out'}", *options)
    assert not (tmp_path / "out").exists()
    assert checkpoint.read_bytes() == before


@pytest.mark.parametrize("checkpoint", ["coco", "torchvision.pth"])
def test_thresholds_cannot_be_stored_in_the_files_of_others(
    checkpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"weight": torch.zeros(3)}, "torchvision.pth")
    with pytest.raises(InputError, match=f"store_thresholds: {checkpoint} is not a file of this project"):
        check_rewritable(Path(checkpoint))


def test_scenes_that_were_moved_are_found_where_the_option_says(tmp_path: Path) -> None:
    own = DatasetConfig("synthetic", str(tmp_path / "gone"), "train", "val")
    with pytest.raises(InputError, match=r"the scenes in .*gone are gone; dataset=synthetic draws them"):
        load_config("evaluate", "checkpoint=x").choose_dataset(own)
    (tmp_path / "recipe.json").touch()
    moved = load_config("evaluate", "checkpoint=x", f"dataset.root={tmp_path}").choose_dataset(own)
    assert moved == replace(own, root=str(tmp_path))


@pytest.mark.parametrize("sign", ["", "++"])
def test_naming_the_checkpoints_data_again_changes_only_what_is_typed(sign: str) -> None:
    own = DatasetConfig("masks", "here", "train", "val", val_share=0.2, ignore=0)
    options = ("dataset=masks", f"{sign}dataset.root=there")
    config = replace(load_config("evaluate", "checkpoint=x", *options), typed=options)
    assert config.dataset.given["ignore"] == 255
    assert config.choose_dataset(own) == replace(own, root="there")


def test_another_split_of_the_checkpoints_data_is_not_the_earlier_share() -> None:
    own = DatasetConfig("coco", "here", "train", "val", val_share=0.2, annotations={"train": "a.json", "val": None})
    config = load_config("evaluate", "checkpoint=x", "dataset.val=test")
    assert config.choose_dataset(own) == DatasetConfig("coco", "here", "train", "test")
