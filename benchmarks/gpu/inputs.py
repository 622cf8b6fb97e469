"""What comes before a training step: decoding, loading from files and caches, the copy to the GPU, colours there."""

import os
import tempfile
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torchvision.io import ImageReadMode, decode_jpeg, read_file

from benchmarks.gpu.runs import finish
from benchmarks.gpu.scale import Scale
from data.images import load_image
from tasks.train.prefetch import move
from tasks.train.preparation import build_loader, open_data

DECODED = 64  # files that a process, or the GPU, decodes at once
REPEATS = 20  # of what takes a millisecond
WAYS = {  # of a second epoch, without any step
    "files": (),
    "files, colours by the loader": ("trainer.augment=loader",),
    "memory": ("dataset.cache=memory",),
    "disk": ("dataset.cache=disk",),
}


def measure(task: str, data: Path, scale: Scale) -> dict[str, Any]:
    """Return images a second of decoding and loading, and milliseconds of what the device does with a batch first."""
    config = scale.configure(task, data)
    paths = [Path(path) for path in open_data(config)[0].image_paths]
    # First, as processes are forked, which does not go together with CUDA.
    found: dict[str, Any] = {"images a second, decoding, CPU": decode_on_cpu(paths, scale)}
    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, XDG_CACHE_HOME=folder):
        for way, options in WAYS.items():
            found[f"images a second, {way}"] = time_epoch(task, data, scale, options)
    try:
        found["images a second, decoding, GPU"] = decode_on_device(paths, scale)
    except RuntimeError as error:  # torchvision may be built without it
        found["decoding, GPU"] = str(error).partition("\n")[0]
    return found | {f"ms a batch, {name}": number for name, number in time_batch(task, data, scale).items()}


def decode_on_cpu(paths: list[Path], scale: Scale) -> float:
    """Decode files in as many processes as load them, and return the images a second."""
    parts = cut(paths, DECODED)
    with ProcessPoolExecutor(max(1, scale.workers)) as pool:
        list(pool.map(decode_files, parts[:1] * max(1, scale.workers)))  # starts the processes
        start = time.perf_counter()
        list(pool.map(decode_files, parts))
        return len(paths) / (time.perf_counter() - start)


def decode_files(paths: list[Path]) -> None:
    """Decode files as training does."""
    for path in paths:
        load_image(path)


def decode_on_device(paths: list[Path], scale: Scale) -> float:
    """Read the same files and decode them by torchvision, on a GPU by nvJPEG; return the images a second."""
    device, parts = torch.device(scale.device), cut(paths, DECODED)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it has a successor
        for part in parts[:2]:
            decode_together(part, device)
        start = finish(device)
        for part in parts:
            decode_together(part, device)
        return len(paths) / (finish(device) - start)


def decode_together(paths: list[Path], device: torch.device) -> list[Tensor]:
    """Return images (3, H, W) uint8 on the device."""
    images: list[Tensor] = decode_jpeg([read_file(str(path)) for path in paths], ImageReadMode.RGB, device=device)
    return images


def cut(paths: list[Path], count: int) -> list[list[Path]]:
    """Return paths in lists of so many."""
    return [paths[start : start + count] for start in range(0, len(paths), count)]


def time_epoch(task: str, data: Path, scale: Scale, options: tuple[str, ...]) -> float:
    """Load two epochs of training batches, and return the images a second of the second."""
    config = scale.configure(task, data, *options)
    loader = build_loader(open_data(config)[0], config)
    for epoch in range(2):
        loader.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
        start = time.perf_counter()
        batches = sum(1 for _ in loader)
    return batches * config.recipe.batch_size / (time.perf_counter() - start)


def time_batch(task: str, data: Path, scale: Scale) -> dict[str, float]:
    """Return the milliseconds of copying a batch, and of mirroring its images and changing their colours."""
    device, config = torch.device(scale.device), scale.configure(task, data, "trainer.augment=device")
    (batch,) = islice(build_loader(open_data(config)[0], config), 1)
    copied = move(batch, device)
    works: dict[str, Callable[[], object]] = {"copying": partial(move, batch, device), "changing": copied.changed}
    found = {}
    for name, work in works.items():
        work()
        start = finish(device)
        for _ in range(REPEATS):
            work()
        found[name] = (finish(device) - start) / REPEATS * 1e3
    return found
