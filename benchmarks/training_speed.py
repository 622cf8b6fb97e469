"""Training images a second, data loading included, beside torchvision's model, loss and reference transforms.

Usage:
    python -m benchmarks.training_speed ssdlite --data DIR     # COCO layout: train
    python -m benchmarks.training_speed lraspp --data DIR      # Cityscapes layout: train

Same images, input size, batch, loading processes, threads and precision; ours through Lightning with averaged weights,
as `tasks.train` runs it. Each turn is a process of its own. Its peak memory is without the loading processes, and what
the imports take is noted beside it. The numbers land in benchmarks/results/training_speed_TASK.json.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import lightning as L
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors
from torchvision.models.detection import ssdlite320_mobilenet_v3_large
from torchvision.models.segmentation import lraspp_mobilenet_v3_large
from torchvision.transforms import v2

from benchmarks.timing import save
from data import images as image_files
from data.samples import IGNORE, SegmentationSample
from tasks.cli.entry import SPINNING
from tasks.loaders import open_split
from tasks.train.callbacks import AveragedWeights
from tasks.train.config import TrainConfig
from tasks.train.preparation import Start, build_loader, build_module
from tasks.trainer import make_trainer
from tests.support.runs import describe, load_config

if TYPE_CHECKING:
    from tasks.parts import Reader

WARMUP, STEPS, TURNS = 3, 12, 3
OPTIONS = {
    "ssdlite": ("task=ssdlite", "dataset=coco", "dataset.train=train", "dataset.val=val", "size=320", "batch_size=16"),
    "lraspp": ("task=lraspp", "dataset=cityscapes", "size=[352,480]", "batch_size=8"),
}


class Clock(L.Callback):
    """Times the steps after the first few."""

    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Start after the warm-up, and note the time of each later step."""
        if trainer.global_step == WARMUP:
            self.start = time.perf_counter()
        self.seconds = time.perf_counter() - getattr(self, "start", time.perf_counter())


def run_ours(config: TrainConfig, reader: "Reader") -> float:
    """Return images a second of our training loop."""
    module = build_module(Start(config, describe(config, reader.classes), None), reader, steps=1000)
    clock = Clock()
    trainer = make_trainer(
        accelerator="cpu",
        callbacks=[clock, AveragedWeights(0.998)],
        logger=False,
        enable_checkpointing=False,
        max_steps=WARMUP + STEPS,
        limit_val_batches=0,
        enable_progress_bar=False,
        gradient_clip_val=10.0,
    )
    trainer.fit(module, build_loader(reader, config))
    return STEPS * config.recipe.batch_size / clock.seconds


class Theirs(Dataset):
    """Our reader's samples through torchvision's reference transforms."""

    def __init__(self, reader: "Reader", transform: Callable[..., Any]) -> None:
        self.reader = reader
        self.transform = transform

    def __len__(self) -> int:
        return len(self.reader)

    def __getitem__(self, index: int) -> Any:
        """Return a transformed image and its target."""
        with mock.patch.object(image_files, "decode_plain", return_value=None):  # as they read: through Pillow
            sample = self.reader[index]
        image = tv_tensors.Image(torch.from_numpy(sample.image).permute(2, 0, 1))
        if isinstance(sample, SegmentationSample):
            return self.transform(image, tv_tensors.Mask(torch.from_numpy(sample.mask)[None]))
        boxes = tv_tensors.BoundingBoxes(sample.boxes, format="XYXY", canvas_size=sample.image.shape[:2])
        return self.transform(image, {"boxes": boxes, "labels": torch.from_numpy(sample.labels) + 1})


class RandomScale(nn.Module):
    """Resize by a random factor, as torchvision's segmentation references do with the shorter side."""

    def __init__(self, base: int) -> None:
        super().__init__()
        self.base = base

    def forward(self, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Resize an image and its mask."""
        side = int(torch.randint(self.base // 2, self.base * 2 + 1, ()))
        return v2.Resize(side, antialias=True)(image, mask)


TO_FLOAT = v2.ToDtype({tv_tensors.Image: torch.float32, "others": None}, scale=True)
TRANSFORMS = {
    "ssdlite": v2.Compose([v2.RandomIoUCrop(), v2.RandomHorizontalFlip(), v2.SanitizeBoundingBoxes(), TO_FLOAT]),
    "lraspp": v2.Compose(
        [
            RandomScale(360),
            v2.RandomHorizontalFlip(),
            v2.RandomCrop((352, 480), pad_if_needed=True, fill={tv_tensors.Image: 0, tv_tensors.Mask: IGNORE}),
            TO_FLOAT,
            v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ]
    ),
}


def build_theirs(task: str, classes: int) -> nn.Module:
    """Return torchvision's model, from scratch."""
    if task == "ssdlite":
        return ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=classes + 1)
    return lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=classes)


def compute_loss(task: str, model: nn.Module, images: list[Tensor], targets: list[Any]) -> Tensor:
    """Return the loss of a batch, as torchvision's references compute it."""
    if task == "ssdlite":
        return sum(model(images, targets).values())  # type: ignore[no-any-return]
    masks = torch.cat(targets).long()
    return nn.functional.cross_entropy(model(torch.stack(images))["out"], masks, ignore_index=IGNORE)


def repeat(loader: DataLoader) -> Iterator[Any]:
    """Yield batches for ever."""
    while True:
        yield from loader


def run_theirs(task: str, reader: "Reader", *, batch_size: int, workers: int) -> float:
    """Return images a second of a plain loop over torchvision's parts."""
    loader = DataLoader(
        Theirs(reader, TRANSFORMS[task]),
        batch_size=batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=workers > 0,
        collate_fn=lambda samples: tuple(zip(*samples, strict=True)),
    )
    model = build_theirs(task, len(reader.classes)).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=4e-5)
    batches = repeat(loader)
    for step in range(WARMUP + STEPS):
        if step == WARMUP:
            start = time.perf_counter()
        images, targets = next(batches)
        optimizer.zero_grad()
        compute_loss(task, model, list(images), list(targets)).backward()
        optimizer.step()
    return STEPS * batch_size / (time.perf_counter() - start)


def run(who: str, task: str, options: tuple[str, ...]) -> float:
    """Return the images a second of "ours" or "theirs"."""
    config = load_config("train", *options)
    reader = open_split(config.recipe.task, config.dataset, "train")
    if who == "ours":
        return run_ours(config, reader)
    return run_theirs(task, reader, batch_size=config.recipe.batch_size, workers=config.dataset.count_workers())


def take_turn(who: str, arguments: list[str]) -> dict[str, float]:
    """Run "ours" or "theirs" in a fresh process, as a training starts, and return what it printed.

    It comes before this process grows: a new one starts with the peak of the one that started it.
    """
    command = [sys.executable, "-m", "benchmarks.training_speed", *arguments, "--turn", who]
    environment = os.environ | (SPINNING if who == "ours" else {})  # as `tasks.train` sets it
    printed = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
    return json.loads(printed.splitlines()[-1])  # type: ignore[no-any-return]


def measure_peak() -> float:
    """Return the most memory that this process has held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # KiB on Linux


def main() -> None:
    """Run both in turns, three times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=sorted(OPTIONS))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--turn", choices=("ours", "theirs"), help="run only these, once")
    args = parser.parse_args()
    options = (*OPTIONS[args.task], f"dataset.root={args.data}", f"dataset.workers={args.workers}", "backbone=large")
    if args.turn:
        imports = measure_peak()
        rate = run(args.turn, args.task, options)
        print(json.dumps({"images a second": rate, "peak memory in MiB": measure_peak(), "imports in MiB": imports}))
        return
    ours, theirs = [], []
    for _ in range(TURNS):
        ours.append(take_turn("ours", sys.argv[1:]))
        theirs.append(take_turn("theirs", sys.argv[1:]))
        print(json.dumps({"ours": ours[-1], "torchvision": theirs[-1]}))
    ratios = [our["images a second"] / their["images a second"] for our, their in zip(ours, theirs, strict=True)]
    results = {
        **{f"ours, {key}": statistics.median(turn[key] for turn in ours) for key in ours[0]},
        **{f"torchvision's, {key}": statistics.median(turn[key] for turn in theirs) for key in theirs[0]},
        "times faster": statistics.median(ratios),
        "times faster, range": [min(ratios), max(ratios)],
        "batch": load_config("train", *options).recipe.batch_size,
        "loading processes": args.workers,
    }
    save(f"training_speed_{args.task}", results)
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
