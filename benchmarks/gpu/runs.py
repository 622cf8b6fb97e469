"""Images a second of whole training loops, loading included: by our command, and of torchvision's parts."""

import csv
import time
from pathlib import Path

import torch
from torch.utils.data import DataLoader

from benchmarks.gpu.scale import Scale
from benchmarks.training_speed import TRANSFORMS, Theirs, build_theirs, compute_loss, repeat
from tasks.loaders import open_split
from tasks.runs.folder import list_logs
from tasks.train.command import train

WARM_UP = 5  # steps of torchvision's loop before it is timed


def time_ours(task: str, data: Path, scale: Scale, *, graph: bool, out: Path) -> dict[str, float]:
    """Train by the command, and return the speed of the last epoch."""
    began = time.perf_counter()
    train(scale.configure(task, data, f"out={out}", f"trainer.graph={str(graph).lower()}"))
    return {"images a second": read_speed(out), "seconds in all": time.perf_counter() - began}


def read_speed(run: Path) -> float:
    """Return the images a second of the last epoch that a run has logged."""
    with list_logs(run)[-1].open(encoding="utf-8") as file:
        speeds = [row["images_per_second"] for row in csv.DictReader(file) if row.get("images_per_second")]
    return float(speeds[-1])


def time_theirs(task: str, data: Path, scale: Scale) -> dict[str, float]:
    """Train torchvision's model with its loss, behind its reference transforms, in bfloat16 as ours."""
    config = scale.configure(task, data)
    reader = open_split(config.recipe.task, config.dataset, "train")
    device, batch_size = torch.device(scale.device), scale.batches[task]
    loader = DataLoader(
        Theirs(reader, TRANSFORMS[task]),
        batch_size=batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=scale.workers,
        persistent_workers=scale.workers > 0,
        pin_memory=scale.device == "cuda",
        collate_fn=gather,
    )
    model = build_theirs(task, len(reader.classes)).to(device).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=4e-5)
    batches, steps, start = repeat(loader), 0, 0.0
    while steps <= WARM_UP or time.perf_counter() - start < scale.seconds:
        if steps == WARM_UP:
            start = finish(device)
        images, targets = ([move(value, device) for value in values] for values in next(batches))
        optimizer.zero_grad()
        with torch.autocast(scale.device, torch.bfloat16, enabled=scale.device == "cuda"):
            loss = compute_loss(task, model, images, targets)
        loss.backward()
        optimizer.step()
        steps += 1
    return {"images a second": (steps - WARM_UP) * batch_size / (finish(device) - start)}


def gather(samples: list[tuple[object, object]]) -> tuple[tuple[object, ...], ...]:
    """Turn samples into images and targets."""
    return tuple(zip(*samples, strict=True))


def move(value: object, device: torch.device) -> object:
    """Move a tensor, or those of a dictionary, without waiting."""
    if isinstance(value, dict):
        return {name: move(each, device) for name, each in value.items()}
    return value.to(device, non_blocking=True) if isinstance(value, torch.Tensor) else value


def finish(device: torch.device) -> float:
    """Return the time at which the device is done with its work."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()
