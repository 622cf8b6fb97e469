"""Training images a second, data loading included, beside torchvision's model, loss and reference transforms.

Usage:
    python -m benchmarks.training_speed ssdlite --data DIR     # COCO layout: train
    python -m benchmarks.training_speed lraspp --data DIR      # Cityscapes layout: train
    python -m benchmarks.training_speed ssdlite --data DIR --memory     # that alone; the timings that are there stay

Same images, input size, batch, loading processes, threads and precision; ours through Lightning with averaged weights,
as `tasks.train` runs it. The peak memory is that of a fresh training process for each, without the loading processes;
what the imports take, the same for both, is noted beside it. The numbers land in
benchmarks/results/training_speed_TASK.json.
"""

import argparse
import json
import resource
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

from benchmarks.timing import RESULTS, save
from data import images as image_files
from data.samples import IGNORE, SegmentationSample
from tasks.files import write_json
from tasks.loaders import open_split
from tasks.train.callbacks import AveragedWeights
from tasks.train.config import TrainConfig
from tasks.train.preparation import Start, build_loader, build_module
from tasks.trainer import make_trainer
from tests.support.runs import describe, load_config

if TYPE_CHECKING:
    from tasks.parts import Reader

WARMUP, STEPS = 3, 12
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


def measure_peak(who: str, arguments: list[str]) -> tuple[float, float]:
    """Run "ours" or "theirs" in a fresh process and return the most memory that it has held, after imports and in all.

    In MiB.

    It comes before this process grows: a new one starts with the peak of the one that started it.
    """
    command = [sys.executable, "-m", "benchmarks.training_speed", *arguments, "--peak", who]
    imports, peak = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-2:]
    return float(imports), float(peak)


def print_peak() -> None:
    """Print the most memory that this process has held, in MiB."""
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)  # KiB on Linux


def main() -> None:
    """Measure the peak memory of both, then run them in turns, three times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=sorted(OPTIONS))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--memory", action="store_true", help="measure the peak memory alone")
    parser.add_argument("--peak", choices=("ours", "theirs"), help="run only these and print the peak memory")
    args = parser.parse_args()
    options = (*OPTIONS[args.task], f"dataset.root={args.data}", f"dataset.workers={args.workers}", "backbone=large")
    if args.peak:
        print_peak()
        run(args.peak, args.task, options)
        print_peak()
        return
    name = f"training_speed_{args.task}"
    peaks = {who: measure_peak(who, sys.argv[1:]) for who in ("ours", "theirs")}
    memory = {
        "ours, peak memory in MiB": peaks["ours"][1],
        "torchvision's, peak memory in MiB": peaks["theirs"][1],
        "imports of both, in MiB": peaks["ours"][0],
    }
    if args.memory:
        path = RESULTS / f"{name}.json"
        results = json.loads(path.read_text(encoding="utf-8")) | memory
        write_json(path, results)
        print(json.dumps(memory, indent=1))
        return
    ours, theirs = [], []
    for _ in range(3):
        ours.append(run("ours", args.task, options))
        theirs.append(run("theirs", args.task, options))
    ratios = sorted(our / their for our, their in zip(ours, theirs, strict=True))
    results = {
        "ours, images a second": sorted(ours)[1],
        "torchvision's, images a second": sorted(theirs)[1],
        "times faster": ratios[1],
        "times faster, range": [ratios[0], ratios[-1]],
        **memory,
        "batch": load_config("train", *options).recipe.batch_size,
        "loading processes": args.workers,
    }
    save(name, results)
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
