"""Where a training step's time goes, and how far it is from what the machine can do.

Usage:
    python -m benchmarks.training_profile --bccd DIR --camvid DIR     # one or both

Times each stage of a step on one batch of real images, Large, on as many threads as torch takes; beside it the
multiply-adds of the network and the rates that a large matrix product and a copy reach here. The numbers land in
benchmarks/results/training_profile.json.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from benchmarks.timing import save, seconds
from benchmarks.training_speed import OPTIONS
from tasks.hardware import keep_freed_memory
from tasks.loaders import open_split
from tasks.models.architecture import Arch
from tasks.models.network import build_model
from tasks.profiling.counting import CONVENTIONS, count_madds
from tasks.train.callbacks import AveragedWeights
from tasks.train.preparation import Start, build_loader, build_module
from tests.support.runs import describe, load_config

if TYPE_CHECKING:
    from tasks.parts import Model

DATA = {"bccd": "ssdlite", "camvid": "lraspp"}
REPEATS = 5
SIDE = 2048  # of the matrix product
MEBIBYTES = 256  # of the copy


def measure_machine() -> dict[str, float]:
    """Return what the machine reaches: billions of multiply-adds a second, and gigabytes a second read and written."""
    matrix, block = torch.randn(SIDE, SIDE), torch.empty(MEBIBYTES * 2**20, dtype=torch.uint8)
    product = min(seconds(lambda: matrix @ matrix) for _ in range(REPEATS))
    copy = min(seconds(block.clone) for _ in range(REPEATS))
    return {"multiply-adds, G/s": SIDE**3 / product / 1e9, "memory, GB/s": 2 * block.numel() / copy / 1e9}


def count_work(arch: Arch, size: tuple[int, int]) -> float:
    """Return the multiply-adds of a forward and backward pass of an image in billions; backward does twice as much."""
    with torch.device("meta"):
        model = build_model(arch).eval()
    return 3 * count_madds(model, size, formulas=CONVENTIONS["products"].formulas) / 1e9


def measure_forward(model: "Model", images: Tensor) -> dict[str, float]:
    """Return the seconds of each stage up to the head's raw predictions."""
    stages: dict[str, float] = {}

    def timed(stage: str, function: Callable[..., Any], *arguments: Any) -> Any:
        start = time.perf_counter()
        result = function(*arguments)
        stages[stage] = time.perf_counter() - start
        return result

    features = timed("backbone", model.backbone, timed("normalize", model.prepare, images))
    timed("head", model.head, features)
    return stages


def profile(task: str, root: Path) -> dict[str, Any]:
    """Return the seconds of each stage of a step, and its work."""
    keep_freed_memory()  # as a training does
    config = load_config("train", *OPTIONS[task], f"dataset.root={root}", "dataset.workers=0")
    reader = open_split(config.recipe.task, config.dataset, "train")
    loader = iter(build_loader(reader, config))
    module = build_module(Start(config, describe(config, reader.classes), None), reader, steps=1000)
    optimizer = module.configure_optimizers()["optimizer"]
    trainer: Any = SimpleNamespace(strategy=SimpleNamespace(root_device=torch.device("cpu")))
    averages = AveragedWeights(config.trainer.ema_decay)
    averages.setup(trainer, module, "fit")
    averages.on_train_start(trainer, module)
    batch, rows = next(loader), []
    for _ in range(REPEATS + 1):
        load = seconds(lambda: next(loader))
        with torch.no_grad():
            forward = measure_forward(module.model, batch.images)
        start = time.perf_counter()
        loss = module.training_step(batch, 0)["loss"]
        step = time.perf_counter() - start
        backward = seconds(loss.backward)
        update = seconds(lambda: (nn.utils.clip_grad_norm_(module.parameters(), 10.0), optimizer.step()))
        average = seconds(averages.update)
        optimizer.zero_grad()
        known = {"load, one process": load, **forward, "backward": backward, "optimizer": update}
        rows.append({**known, "averaged weights": average, "forward and loss, with gradients": step})
    medians = {stage: statistics.median(row[stage] for row in rows[1:]) for stage in rows[0]}
    arch = module.model.description.arch
    work = len(batch.images) * count_work(arch, (batch.images.shape[-2], batch.images.shape[-1]))
    rate = work / (medians["forward and loss, with gradients"] + medians["backward"])
    return {
        "images": len(batch.images),
        "milliseconds an image": {stage: value * 1e3 / len(batch.images) for stage, value in medians.items()},
        "multiply-adds of forward and backward, G an image": work / len(batch.images),
        "reached, G multiply-adds a second": rate,
    }


def main() -> None:
    """Profile what there is data for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in DATA:
        parser.add_argument(f"--{name}", type=Path)
    roots = {name: root for name, root in vars(parser.parse_args()).items() if root is not None}
    results = {**{DATA[name]: profile(DATA[name], root) for name, root in roots.items()}, "reach": measure_machine()}
    save("training_profile", results)
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
