"""python -m tests.support.uses FOLDER OUT: models of each task evaluated and used, by however many processes this is.

FOLDER is what `write_all` wrote. What takes time and does not depend on the number of processes is left out: curves,
tables of layers, pages.
"""

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from data.classes import ClassTable
from data.errors import InputError
from tasks.evaluate import command as evaluating
from tasks.loaders import open_split
from tasks.predict.command import predict
from tasks.processes import is_first, together
from tasks.task import KINDS
from tasks.train import command as training
from tests.support.class_trees import write_images, write_table
from tests.support.runs import load_config
from tests.support.untrained import write_untrained
from tests.support.videos import write_video

COUNTS = (1, 7, 41, 101)  # images
SEEN = ("ssdlite", "lraspp")  # tasks that learn from scenes
LABELLED = {"classify": ("cat", "dog", "cow"), "tags": ("cat", "dog;cow", "", "cow")}  # and from tables of such labels
TABLE = ClassTable.create(["cat", "cow", "dog"], [0, 1, 2])
PREDICTED = {"ssdlite": ("threshold=0",), "lraspp": (), "classify": ("results=scores",), "tags": ("results=csv",)}
REFUSED = "refused.json"


def write_all(folder: Path) -> None:
    """Write a model of each task, data sets, and photos to predict of, some of which cannot be read."""
    for task in SEEN:
        config = load_config("train", f"task={task}", *list_data(folder, task, 1))
        write_untrained(task, folder, open_split(config.recipe.task, config.dataset, "val").classes)
    for task, labels in LABELLED.items():
        write_untrained(task, folder, TABLE)
        for count in (0, *COUNTS):
            names = [f"{number}.png" for number in range(count)]
            rows = [f"{name},{labels[number % len(labels)]}" for number, name in enumerate(names)]
            write_table(write_images(folder / task / str(count) / "val", names).parent, rows, name="val.csv")
    photos = write_images(folder / "photos", [f"{number:02d}.png" for number in range(37)])
    for number in range(0, 37, 5):
        Image.fromarray(np.full((70, 40, 3), number, np.uint8)).save(photos / f"{number:02d}.png")
    (photos / "03.png").write_bytes(b"no image")
    (photos / "20.png").write_bytes((photos / "21.png").read_bytes()[:100])
    write_video(photos / "1film.avi")


def list_data(folder: Path, task: str, count: int) -> list[str]:
    """Return the options that name so many images of a task."""
    if task in SEEN:
        scenes = f"dataset.scenes={{train: 1, val: {count}}}"
        return ["dataset=synthetic", f"dataset.root={folder / 'scenes' / str(count)}", scenes]
    multilabel = f"dataset.multilabel={str(task == 'tags').lower()}"
    root = f"dataset.root={folder / task / str(count)}"
    return ["dataset=csv", "dataset.names=[cat,cow,dog]", root, multilabel]


def use_each(folder: Path, out: Path) -> None:
    """Evaluate models on so many images into OUT/TASK/COUNT, and predict of the photos into OUT/TASK/photos."""
    refused = {}
    for task in (*SEEN, *LABELLED):
        model = (f"checkpoint={folder / task}.safetensors", "accelerator=cpu", "batch_size=4")
        for count in COUNTS if task in SEEN else (0, *COUNTS):
            where = f"out={out / task / str(count)}"
            config = load_config("evaluate", *model, *list_data(folder, task, count), "dataset.workers=0", where)
            refused[f"{task}/{count}"] = say_refusal(lambda config=config: evaluating.evaluate(config))
        where = f"out={out / task / 'photos'}"
        config = load_config("predict", *model, f"source={folder / 'photos'}", *PREDICTED[task], where)
        refused[f"{task}/photos"] = say_refusal(lambda config=config: predict(config))
    if is_first():
        (out / REFUSED).write_text(json.dumps(refused))


def say_refusal(function: Any) -> str:
    """Call a function, and return what it refuses; "" if nothing."""
    try:
        function()
    except InputError as error:
        return str(error)
    except SystemExit:  # of another process than the first
        return "refused by the first"
    return ""


def leave_out(patch: pytest.MonkeyPatch) -> None:
    """Draw no curves, write no page, count no layers."""
    for command in (evaluating, training):
        patch.setattr(command, "write_page", lambda out: None)
        patch.setattr(command, "record_run", lambda *arguments, **options: None)
    for kind in KINDS.values():
        report = import_module(f"tasks.{kind.kind}.report")
        for name in vars(report):
            if name.startswith("plot_"):
                patch.setattr(report, name, lambda *arguments, **options: None)


if __name__ == "__main__":
    with pytest.MonkeyPatch.context() as patch, together("cpu", timeout=300):
        leave_out(patch)
        use_each(*map(Path, sys.argv[1:3]))
