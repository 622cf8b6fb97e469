"""Accuracy and speed of our classifiers beside torchvision's, from scratch on the same images, split, size and epochs.

Usage:
    python -m benchmarks.classification --data DIR --runs DIR --seeds 0 1 2      # DIR: one folder a class

Ours is `tasks.train experiment=signs_classify`. The peer is torchvision's network of the same name, its transforms for
training (random crops and mirror images) and evaluation, SGD and a cosine as ours, and a loop as in its references.

What else differs: the peer's statistics of batch norm take .01 of a new batch (ours .1 in runs this short), its crops
are of 8 % of the image and more (ours 25 %) without changes of colour, its weights are not averaged, and all of them
decay (ours: neither norms, biases nor depthwise convolutions). Both on one thread with one loading process, evaluated
once, after the last epoch. The numbers land in benchmarks/results/classification.json as they come; what stands there
already is not run again.
"""

import argparse
import json
import shutil
import statistics
import time
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torchvision
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from benchmarks.timing import RESULTS, save
from data.datasets import open_labels
from data.image_labels import LabelDataset
from tasks.models.pretrained.timm_names import IMAGENET
from tasks.optimization import lr_factor
from tasks.runs.reading import read_run
from tasks.train.command import train
from tasks.train.config import TrainConfig
from tests.support.runs import load_config

NAME = "classification"
OURS, PEER = "bneck", "torchvision"
MOMENTUM, DECAY = 0.9, 4e-5


class Files(Dataset):
    """The files of a reader as torchvision reads them.

    Args:
        reader: of a split.
        transform: of torchvision.
    """

    def __init__(self, reader: LabelDataset, transform: v2.Transform) -> None:
        self.paths, self.labels, self.transform = reader.image_paths.tolist(), reader.presence.argmax(1), transform

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Return an image (3, H, W), normalised, and its class."""
        image = Image.open(self.paths[index]).convert("RGB")
        return self.transform(image), int(self.labels[index])


def configure(backbone: str, seed: int, args: argparse.Namespace, out: Path) -> TrainConfig:
    """Return the configuration of our run."""
    config: TrainConfig = load_config(
        "train",
        "experiment=signs_classify",
        f"backbone={backbone}",
        f"dataset.root={args.data}",
        "dataset.workers=1",
        f"seed={seed}",
        f"trainer.max_epochs={args.epochs}",
        f"trainer.check_val_every_n_epoch={args.epochs}",
        "trainer.accelerator=cpu",
        "trainer.progress_bar=false",
        "logger=csv",
        f"out={out}",
    )
    return config


def run_ours(config: TrainConfig) -> dict[str, Any]:
    """Train and evaluate as `tasks.train` does."""
    out = config.out
    shutil.rmtree(out, ignore_errors=True)
    started = time.perf_counter()
    metrics = train(config)
    return {
        "top1": metrics["top1"],
        "images_per_second": read_run(out).speed,
        "minutes": (time.perf_counter() - started) / 60,
    }


def build_transforms(side: int) -> tuple[v2.Transform, v2.Transform]:
    """Return torchvision's transforms for training and for evaluation, the latter of whole images as ours."""
    ending = [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(*IMAGENET)]
    training = v2.Compose([v2.RandomResizedCrop(side, antialias=True), v2.RandomHorizontalFlip(), *ending])
    return training, v2.Compose([v2.Resize((side, side), antialias=True), *ending])


def run_peer(backbone: str, config: TrainConfig) -> dict[str, Any]:
    """Train and evaluate torchvision's network in a plain loop."""
    torch.manual_seed(config.seed)
    started, epochs, recipe = time.perf_counter(), config.trainer.max_epochs, config.recipe
    train_reader, val_reader = (open_labels(config.dataset, role) for role in ("train", "val"))
    own, whole = build_transforms(recipe.input_size[0])
    size, workers = recipe.batch_size, config.dataset.count_workers()
    loader = DataLoader(Files(train_reader, own), size, shuffle=True, drop_last=True, num_workers=workers)
    net = torchvision.models.get_model(f"mobilenet_v3_{backbone}", weights=None, num_classes=len(train_reader.classes))
    optimizer = torch.optim.SGD(net.parameters(), lr=recipe.lr, momentum=MOMENTUM, weight_decay=DECAY)
    steps, warmup = epochs * len(loader), round(recipe.warmup * epochs * len(loader))
    lr_factor_of = partial(lr_factor, schedule="cosine", warmup_steps=warmup, steps=steps)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lr_factor_of)
    criterion = nn.CrossEntropyLoss(label_smoothing=recipe.own.loss.label_smoothing)  # type: ignore[union-attr]
    speeds = []
    for _ in range(epochs):
        begun = time.perf_counter()
        net.train()
        for images, labels in loader:
            optimizer.zero_grad()
            criterion(net(images), labels).backward()
            optimizer.step()
            schedule.step()
        speeds.append(len(loader) * size / (time.perf_counter() - begun))
    top1 = measure(net, DataLoader(Files(val_reader, whole), size, num_workers=workers))
    minutes = (time.perf_counter() - started) / 60
    return {"top1": top1, "images_per_second": statistics.median(speeds), "minutes": minutes}


@torch.no_grad()
def measure(net: nn.Module, loader: DataLoader) -> float:
    """Return the share of the images whose best class is right."""
    net.eval()
    right = torch.cat([net(images).argmax(1) == labels for images, labels in loader])
    return float(right.float().mean())


def summarize(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return mean and range of the accuracy, and the median speed, of each network and program."""
    rows = []
    for backbone, program in dict.fromkeys((run["backbone"], run["program"]) for run in runs):
        own = [run for run in runs if (run["backbone"], run["program"]) == (backbone, program)]
        top1 = [run["top1"] for run in own]
        speed = statistics.median(run["images_per_second"] for run in own)
        spread = {"mean": statistics.mean(top1), "lowest": min(top1), "highest": max(top1)}
        rows.append({"backbone": backbone, "program": program, "top1": spread, "images_per_second": speed})
    return rows


def main() -> None:
    """Run what is asked for and not there yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="one folder a class")
    parser.add_argument("--runs", type=Path, required=True, help="folder of our runs")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--backbones", nargs="+", default=["small", "large"], choices=["small", "large"])
    parser.add_argument("--epochs", type=int, default=40)
    args = parser.parse_args()
    torch.set_num_threads(1)
    path = RESULTS / f"{NAME}.json"
    runs = json.loads(path.read_text())["runs"] if path.is_file() else []
    for seed in args.seeds:
        for backbone in args.backbones:
            for program in (OURS, PEER):
                key = {"backbone": backbone, "program": program, "seed": seed, "epochs": args.epochs}
                if any(key.items() <= run.items() for run in runs):
                    continue
                config = configure(backbone, seed, args, args.runs / f"{backbone}_{seed}")
                found = run_ours(config) if program == OURS else run_peer(backbone, config)
                runs.append({**key, **found})
                print(runs[-1])
                save(NAME, {"runs": runs, "summary": summarize(runs)})


if __name__ == "__main__":
    main()
