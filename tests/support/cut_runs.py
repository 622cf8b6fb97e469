"""Runs that are cut, and the data that some of them are trained on."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf
from PIL import Image

from data.errors import InputError
from tasks.train.command import train
from tasks.train.progress import Progress
from tasks.train.saving import KeepLast
from tests.support.runs import load_config
from tests.support.trained import recorded

DATASETS = {
    "ssdlite": ("dataset=coco", "dataset.train=train", "dataset.val=val"),
    "lraspp": ("dataset=masks", "dataset.names=[sky,road]"),
}
STEPWISE = "trainer.save_every=1steps"
SMALL = (
    "backbone=small",
    "dataset.workers=0",
    "size=[64,96]",
    "batch_size=3",
    "trainer.max_epochs=2",
    "trainer.accelerator=cpu",
    "trainer.progress_bar=false",
    "trainer.log_images=0",
    "logger=csv",
)


class PowerCutError(Exception):
    """The end of a run that nothing was told of."""


def cut(config: Any, *, saves: int) -> None:
    """Train until so many checkpoints are written."""
    save, written = KeepLast.keep, []

    def fail(self: KeepLast, trainer: Any) -> None:
        save(self, trainer)
        written.append(trainer.global_step)
        if len(written) == saves:
            raise PowerCutError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(KeepLast, "keep", fail)
        with pytest.raises(PowerCutError):
            train(config)


class Cut:
    """A run that was cut in its second epoch, and its data."""

    def __init__(self, folder: Path) -> None:
        self.run, self.data = folder / "run", folder / "data"
        self.labels = self.data / "annotations/instances_train.json"

    def resume(self, *options: str) -> tuple[dict[str, Any] | None, str]:
        """Resume it; return its metrics or None, and all that it said."""
        with recorded("tasks") as said:
            try:
                metrics = train(load_config("train", f"resume={self.run}", *options))
            except InputError as error:
                return None, "\n".join([*said, str(error)])
        return metrics, "\n".join(said)

    def set(self, **options: object) -> None:
        """Change options in its config.yaml, by their dotted names."""
        config = OmegaConf.load(self.run / "config.yaml")
        for name, value in options.items():
            OmegaConf.update(config, name, value)
        OmegaConf.save(config, self.run / "config.yaml")

    def edit(self, change: Callable[[dict[str, Any]], object]) -> None:
        """Change the COCO file of the training images."""
        content = json.loads(self.labels.read_text())
        change(content)
        self.labels.write_text(json.dumps(content))


def write_data(task: str, root: Path) -> None:
    """Write six images and four, with boxes or masks of two classes."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 6), ("val", 4)):
        images = root / split if task == "ssdlite" else root / "images" / split
        images.mkdir(parents=True)
        names = [f"{split}_{index}.png" for index in range(count)]
        for name in names:
            Image.fromarray(rng.integers(0, 256, (64, 96, 3), dtype=np.uint8)).save(images / name)
        if task == "lraspp":
            (root / "masks" / split).mkdir(parents=True)
            for name in names:
                Image.fromarray(rng.integers(0, 2, (64, 96), dtype=np.uint8)).save(root / "masks" / split / name)
            continue
        entries = [{"id": i, "file_name": name, "height": 64, "width": 96} for i, name in enumerate(names, 1)]
        boxes = [
            {"id": i, "image_id": i, "category_id": 1 + i % 2, "bbox": [10 + i, 12, 40, 30], "area": 1200, "iscrowd": 0}
            for i in range(1, count + 1)
        ]
        categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
        path = root / f"annotations/instances_{split}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"images": entries, "annotations": boxes, "categories": categories}))


def write_cut_run(task: str, folder: Path, *options: str) -> None:
    """Train one epoch of two; every number of the test's data is made up."""
    write_data(task, folder / "data")
    start = Progress.on_train_epoch_start

    def fail(self: Progress, trainer: Any, module: Any) -> None:
        if trainer.current_epoch == 1:
            raise RuntimeError("power cut")
        start(self, trainer, module)

    places = (f"dataset.root={folder / 'data'}", f"out={folder / 'run'}")
    config = load_config("train", f"task={task}", *DATASETS[task], *SMALL, *places, *options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Progress, "on_train_epoch_start", fail)
        with pytest.raises(RuntimeError, match="power cut"):
            train(config)
