"""Runs that train on several splits: `dataset.train=[train,val] dataset.val=test`."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file

from data.errors import InputError
from tasks.evaluate.command import evaluate
from tasks.train.command import train
from tests.support.cut_runs import DATASETS, SMALL, Cut, write_cut_run, write_data
from tests.support.runs import load_config

BOTH = ("dataset.train=[train,val]", "dataset.val=test")


def copy_splits(task, root, splits, name):
    """Make one split of several by hand: files that are copied, a COCO file whose ids are numbered again."""
    if task == "lraspp":
        for folder in ("images", "masks"):
            for split in splits:
                shutil.copytree(root / folder / split, root / folder / name, dirs_exist_ok=True)
        return
    content = {"images": [], "annotations": []}
    for split in splits:
        shutil.copytree(root / split, root / name, dirs_exist_ok=True)
        part = json.loads((root / f"annotations/instances_{split}.json").read_text())
        start = len(content["images"])  # ids of a file count from 1, as do those of its boxes
        content["categories"] = part["categories"]
        content["images"] += [{**image, "id": image["id"] + start} for image in part["images"]]
        content["annotations"] += [
            {**box, "id": box["id"] + start, "image_id": box["image_id"] + start} for box in part["annotations"]
        ]
    (root / f"annotations/instances_{name}.json").write_text(json.dumps(content))


def write_three_splits(task, root):
    write_data(task, root)
    copy_splits(task, root, ["train"], "test")
    return root


def run(task, root, out, *options):
    return train(
        load_config("train", f"task={task}", *DATASETS[task], *SMALL, f"dataset.root={root}", f"out={out}", *options)
    )


@pytest.mark.slow
@pytest.mark.usefixtures("blank_figures")
@pytest.mark.parametrize("task", ["ssdlite", "lraspp"])
def test_a_run_on_two_splits_is_that_on_their_files_in_one_bit_for_bit(tmp_path, task):
    root = write_three_splits(task, tmp_path / "data")
    copy_splits(task, root, ["train", "val"], "joined")
    ours = run(task, root, tmp_path / "ours", *BOTH)
    theirs = run(task, root, tmp_path / "theirs", "dataset.train=joined", "dataset.val=test")
    assert ours == theirs
    found, expected = (load_file(tmp_path / name / "model.safetensors") for name in ("ours", "theirs"))
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    data = json.loads((tmp_path / "ours/data.json").read_text())["splits"]
    assert {role: (split["name"], split["images"]) for role, split in data.items()} == {
        "train": ("train + val", 10),
        "val": ("test", 6),
    }


@pytest.mark.slow
@pytest.mark.usefixtures("blank_figures")
def test_results_have_the_ids_of_the_file_whatever_was_trained_on(tmp_path):
    root = write_three_splits("ssdlite", tmp_path / "data")
    run("ssdlite", root, tmp_path / "run", *BOTH, "trainer.max_epochs=1")
    places = (f"checkpoint={tmp_path / 'run/model.safetensors'}", f"out={tmp_path / 'val'}")
    evaluate(load_config("evaluate", *places, "dataset.val=val", "accelerator=cpu"))
    for folder, last in (("run", 6), ("val", 4)):  # the run itself was evaluated on the six of test
        ids = {entry["image_id"] for entry in json.loads((tmp_path / folder / "results.json").read_text())}
        assert ids == set(range(1, last + 1))


def test_a_split_that_is_trained_on_and_evaluated_on_is_refused_before_the_first_step(tmp_path):
    write_data("ssdlite", tmp_path / "data")
    found = r"dataset\.val: 4 of 4 images are in dataset\.train too \(first: .*val_0\.png\); expected another split"
    with pytest.raises(InputError, match=found):
        run("ssdlite", tmp_path / "data", tmp_path / "run", "dataset.train=[train,val]")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("blank_figures")
def test_a_run_goes_on_with_its_list_and_not_with_another(tmp_path):
    write_cut_run("ssdlite", tmp_path, "dataset.train=[train,val]", "dataset.val_share=0.3")
    cut = Cut(tmp_path)
    cut.set(**{"dataset.train": ["val", "train"]})
    metrics, said = cut.resume()
    assert metrics is None
    assert "dataset.train" in said
    assert "train: order of the images" in said
    cut.set(**{"dataset.train": ["train", "val"]})
    assert cut.resume()[0] is not None
