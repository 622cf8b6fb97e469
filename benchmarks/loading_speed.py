"""Training images a second that one process loads, from files to normalized batches, beside torchvision's transforms.

Usage:
    python -m benchmarks.loading_speed --coco128 DIR --bccd DIR --camvid DIR    # one or more of them
    python -m benchmarks.loading_speed --bccd DIR --caches      # a second epoch from files and caches

Both read the same files through Pillow, in the same order, and end in float32 batches of the same size: torchvision's
by its reference transforms and, for SSDLite, the resize and normalization in its model. With --caches ours is compared
with itself: a second epoch from files, from memory and from the disk, whose files the system has in its memory then.
The numbers, and where our time goes, land in benchmarks/results/loading_speed.json, those of caches in
loading_caches.json.
"""

import argparse
import json
import os
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any
from unittest import mock

import albumentations as A
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision.models.detection import ssdlite320_mobilenet_v3_large

from benchmarks.timing import compare, save, seconds
from benchmarks.training_speed import OPTIONS, TRANSFORMS, Theirs
from data.cache import count_bytes
from data.disk_cache import keep_on_disk
from tasks.hardware import keep_freed_memory
from tasks.loaders import open_split
from tasks.models.normalization import normalize
from tasks.models.preprocessing import Preprocessing
from tasks.train.preparation import build_loader
from tests.support.runs import describe, load_config

if TYPE_CHECKING:
    from tasks.parts import Reader
    from tasks.train.config import TrainConfig

DATA = {"coco128": ("ssdlite", "train2017"), "bccd": ("ssdlite", "train"), "camvid": ("lraspp", "train")}
BATCHES, REPEATS = 6, 7
MOST_KEPT = 10**10  # bytes on the disk


def run_ours(loader: DataLoader, preprocessing: Preprocessing) -> None:
    """Load the first batches of an epoch, as a training run does."""
    for batch in islice(loader, BATCHES):
        normalize(batch.images, preprocessing)


def run_theirs(task: str, reader: "Reader", batches: list[list[int]]) -> None:
    """Load the batches of these indices, as torchvision's references do."""
    data, finish = Theirs(reader, TRANSFORMS[task]), FINISH[task]
    for indices in batches:
        images, targets = zip(*(data[index] for index in indices), strict=True)
        finish(list(images), list(targets))


def stack(images: list[Tensor], masks: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Return a batch of images and one of masks."""
    return torch.stack(images), torch.stack(masks)


FINISH: dict[str, Callable[[list[Tensor], list[Any]], Any]] = {
    "ssdlite": ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None).transform,
    "lraspp": stack,
}


def profile_stages(loader: DataLoader, preprocessing: Preprocessing) -> dict[str, float]:
    """Return the milliseconds that each stage of ours takes for an image, on average; steps by their class."""
    totals: dict[str, float] = defaultdict(float)

    def timed(stage: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        start = time.perf_counter()
        result = function(*args, **kwargs)
        totals[stage] += time.perf_counter() - start
        return result

    call, data = A.BasicTransform.__call__, loader.dataset
    keys = [list(batch) for batch in islice(loader.batch_sampler, BATCHES)]  # type: ignore[arg-type]
    with mock.patch.object(
        A.BasicTransform, "__call__", lambda self, **kw: timed(type(self).__name__, call, self, **kw)
    ):
        for batch in keys:
            samples = [timed("read and decode", data.reader.__getitem__, key.sample) for key in batch]
            items = [timed("transform", data.forms[0], sample, seed) for seed, sample in enumerate(samples)]
            collated = timed("collate", loader.collate_fn, items)
            timed("normalize", normalize, collated.images, preprocessing)
    outer = ("read and decode", "transform", "collate", "normalize")
    totals["rest of the transform"] = totals.pop("transform") - sum(
        totals[name] for name in totals if name not in outer
    )
    return {stage: 1000 * seconds / sum(map(len, keys)) for stage, seconds in totals.items()}


def compare_loading(name: str, root: Path) -> dict[str, Any]:
    """Load a data set's training images from files, with our cache, and both with it."""
    task, (config, reader) = DATA[name][0], open_reader(name, root)
    cached, preprocessing = reader.cached(), describe(config, reader.classes).preprocessing
    loaders = [build_loader(source, config) for source in (reader, cached)]
    batches = [[key.sample for key in batch] for batch in islice(loaders[0].batch_sampler, BATCHES)]  # type: ignore[arg-type]
    results = {
        "from files": (loaders[0], reader),
        "ours cached, torchvision's from files": (loaders[1], reader),
        "both cached": (loaders[1], cached),
    }
    found: dict[str, Any] = {}
    for case, (loader, source) in results.items():
        times = compare(
            lambda loader=loader: run_ours(loader, preprocessing),  # type: ignore[misc]
            lambda source=source: run_theirs(task, source, batches),  # type: ignore[misc]
            repeats=REPEATS,
        )
        images = sum(map(len, batches))
        speeds = {f"{who}, images a second": images / times[f"{who}_seconds"] for who in ("ours", "theirs")}
        found[case] = {**speeds, **{key: times[key] for key in ("times_faster", "times_faster_range")}}
    return {**found, "ours, milliseconds an image": profile_stages(loaders[0], preprocessing)}


def compare_caches(name: str, root: Path) -> dict[str, Any]:
    """Return the images a second of a second epoch from files, from memory and from the disk, timed in turns."""
    config, reader = open_reader(name, root)
    preprocessing = describe(config, reader.classes).preprocessing
    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, XDG_CACHE_HOME=folder):
        kept = keep_on_disk([reader], most=MOST_KEPT)[0]
        loaders = {
            way: build_loader(source, config)
            for way, source in {"files": reader, "memory": reader.cached(), "disk": kept}.items()
        }
        for loader in loaders.values():
            run_ours(loader, preprocessing)  # the first epoch
        rounds = [
            {way: seconds(partial(run_ours, loader, preprocessing)) for way, loader in loaders.items()}
            for _ in range(REPEATS)
        ]
    images = BATCHES * config.recipe.batch_size
    found = {f"{way}, images a second": images / median(turn[way] for turn in rounds) for way in loaders}
    ratios = {way: sorted(turn["files"] / turn[way] for turn in rounds) for way in ("memory", "disk")}
    faster = {f"{way}, times files": [r[len(r) // 2], r[0], r[-1]] for way, r in ratios.items()}
    return {**found, **faster, "pixels, MB": float(count_bytes(reader.pixel_sizes, reader.channels).sum()) / 1e6}


def open_reader(name: str, root: Path) -> "tuple[TrainConfig, Reader]":
    """Return the configuration of a run on a data set, and its training images."""
    task, split = DATA[name]
    options = (*OPTIONS[task], f"dataset.train={split}", f"dataset.root={root}", "dataset.workers=0", "backbone=large")
    config: TrainConfig = load_config("train", *options)
    return config, open_split(config.recipe.task, config.dataset, "train")


def main() -> None:
    """Compare on each data set that is given, on one thread."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in DATA:
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--caches", action="store_true", help="a second epoch of ours alone")
    args = vars(parser.parse_args())
    measure, file = (compare_caches, "loading_caches") if args.pop("caches") else (compare_loading, "loading_speed")
    roots = {name: root for name, root in args.items() if root is not None}
    torch.set_num_threads(1)
    keep_freed_memory()  # as a training does
    warnings.filterwarnings("ignore", message="The given NumPy array is not writable")  # theirs, from the cache
    results = {name: measure(name, root) for name, root in roots.items()}
    save(file, results)
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
