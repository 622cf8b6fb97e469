"""python -m tests.support.trainings FOLDER OUT: short runs of each task, by however many processes this is.

FOLDER is what `write_all` wrote. Norms keep the statistics that they came with: what batch norm measures depends on the
images that a process has, and without it a batch can be divided in any way.
"""

import sys
from pathlib import Path

import pytest

from tasks.loaders import open_split
from tasks.processes import together
from tasks.train.callbacks import FreezeBatchNorm
from tasks.train.command import train
from tests.support.class_trees import write_images, write_table
from tests.support.frozen_norms import freeze
from tests.support.runs import load_config
from tests.support.teachers import TINY, save_features
from tests.support.untrained import write_untrained
from tests.support.uses import LABELLED, TABLE, leave_out

IMAGES = {"train": 19, "val": 5}  # of batches of 8 the last is left out
SCENES = ("task=ssdlite", "size=64")
MASKS = ("task=lraspp", "size=[64,96]")
ONE_LABEL = ("task=classify", "size=64", "regularization.dropout=0", "dataset.root={folder}/classify")
SEVERAL = (
    "task=classify",
    "size=64",
    "regularization.dropout=0",
    "dataset.root={folder}/tags",
    "dataset.multilabel=true",
    "model.scores=sigmoid",
    "loss.label_smoothing=0",
)
CASES = {
    "boxes": SCENES,
    "boxes of a teacher": (*SCENES, "distill.teacher={folder}/ssdlite.safetensors"),
    "boxes in integers": (*SCENES, "weights={folder}/ssdlite.safetensors", "quantize=int8", "lr=0.001"),
    "masks": MASKS,
    "hardest pixels of a teacher": (
        *MASKS,
        "loss.ohem=0.25",
        "loss.dice=1",
        "distill.teacher={folder}/lraspp.safetensors",
    ),
    "mixed images": (*ONE_LABEL, "augmentation.mixup=0.2", "augmentation.cutmix=1"),
    "features of a teacher": (*ONE_LABEL, "augmentation.cutmix=1", "{teacher}", "{weights}"),
    "several labels of a teacher": (*SEVERAL, "distill.teacher={folder}/tags.safetensors"),
}


def write_all(folder: Path) -> None:
    """Write data sets and the models that the runs start from or learn from."""
    for task in ("ssdlite", "lraspp"):
        config = load_config("train", f"task={task}", *list_scenes(folder))
        write_untrained(task, folder, open_split(config.recipe.task, config.dataset, "val").classes)
    write_untrained("tags", folder, TABLE)
    save_features(folder)
    for task, labels in LABELLED.items():
        for split, count in IMAGES.items():
            names = [f"{number}.png" for number in range(count)]
            rows = [f"{name},{labels[number % len(labels)]}" for number, name in enumerate(names)]
            write_table(write_images(folder / task / split, names).parent, rows, name=f"{split}.csv")


def list_scenes(folder: Path) -> list[str]:
    """Return the options that name the scenes, which are drawn."""
    return [f"dataset.root={folder / 'scenes'}", f"dataset.scenes={{train: {IMAGES['train']}, val: {IMAGES['val']}}}"]


def train_each(folder: Path, out: Path) -> None:
    """Train each case into OUT/CASE."""
    teacher, weights = f"distill.teacher=timm:{TINY}", f"distill.weights={folder / 'tiny.pth'}"
    for case, options in CASES.items():
        own = [option.format(folder=folder, teacher=teacher, weights=weights) for option in options]
        data = ["dataset=csv", "dataset.names=[cat,cow,dog]"] if "task=classify" in own else list_scenes(folder)
        train(
            load_config(
                "train",
                *data,
                *own,
                "backbone=small",
                "dataset.workers=0",
                "batch_size=8",
                "trainer.max_epochs=2",
                "trainer.accelerator=cpu",
                "trainer.progress_bar=false",
                "trainer.log_images=0",
                "logger=csv",
                f"out={out / case}",
            )
        )


if __name__ == "__main__":
    with pytest.MonkeyPatch.context() as patch, together("cpu", timeout=300):
        leave_out(patch)
        patch.setattr(FreezeBatchNorm, "on_train_batch_start", freeze)
        train_each(*map(Path, sys.argv[1:3]))
