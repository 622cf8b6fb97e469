"""How much is measured on a GPU, and how little on a CPU, where it is tried whether all of it works."""

import os
from dataclasses import dataclass
from pathlib import Path

from tasks.train.config import TrainConfig
from tests.support.runs import load_config

TASKS = ("ssdlite", "lraspp")
SETS = {"ssdlite": "coco", "lraspp": "masks"}  # layouts of the drawn data
QUIET = ("trainer.progress_bar=false", "trainer.log_images=0", "logger=csv")


@dataclass(frozen=True)
class Scale:
    """Sizes of everything; those by task are for detection and for segmentation.

    Attributes:
        device: "cuda" or "cpu".
        backbone: of both networks.
        sizes: (height, width) of the input in pixels, by task.
        batches: images a step, by task.
        images: drawn to train on, by task.
        epochs: of a run by the command, by task; the last one is timed.
        steps: whose losses are compared.
        seconds: that torchvision's loop is timed for.
    """

    device: str
    backbone: str
    sizes: dict[str, tuple[int, int]]
    batches: dict[str, int]
    images: dict[str, int]
    epochs: dict[str, int]
    steps: int
    seconds: float

    @property
    def accelerator(self) -> str:
        """Lightning's name of the device."""
        return "gpu" if self.device == "cuda" else "cpu"

    @property
    def workers(self) -> int:
        """Loading processes of both sides."""
        return max(1, len(os.sched_getaffinity(0)) - 2) if self.device == "cuda" else 0

    def configure(self, task: str, data: Path, *options: str) -> TrainConfig:
        """Return the configuration of a run on the drawn data."""
        config: TrainConfig = load_config(
            "train",
            f"task={task}",
            f"backbone={self.backbone}",
            f"dataset={SETS[task]}",
            f"dataset.root={data / SETS[task]}",
            "dataset.train=train",
            "dataset.val=val",
            f"dataset.workers={self.workers}",
            f"size={list(self.sizes[task])}",
            f"batch_size={self.batches[task]}",
            f"trainer.accelerator={self.accelerator}",
            f"trainer.max_epochs={self.epochs[task]}",
            f"trainer.check_val_every_n_epoch={self.epochs[task]}",
            *QUIET,
            *options,
        )
        return config


SCALES = {
    "cuda": Scale(
        device="cuda",
        backbone="large",
        sizes={"ssdlite": (320, 320), "lraspp": (352, 480)},
        batches={"ssdlite": 64, "lraspp": 16},
        images={"ssdlite": 2048, "lraspp": 512},
        epochs={"ssdlite": 5, "lraspp": 6},
        steps=50,
        seconds=12,
    ),
    "cpu": Scale(
        device="cpu",
        backbone="small",
        sizes={"ssdlite": (64, 64), "lraspp": (64, 96)},
        batches={"ssdlite": 2, "lraspp": 2},
        images={"ssdlite": 10, "lraspp": 10},
        epochs={"ssdlite": 2, "lraspp": 2},
        steps=5,
        seconds=0,
    ),
}
