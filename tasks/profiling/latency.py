"""How long one image takes on this machine, from decoded pixels to boxes or a mask, step by step."""

import time
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from data.samples import DetectionSample, SegmentationSample
from data.sizes import Size
from tasks.detection.module import DetectionModule
from tasks.hardware import limit_threads
from tasks.loaders import build_eval_loader
from tasks.segmentation.module import SegmentationModule

STEPS = ("pre-processing", "network", "post-processing")
Module = DetectionModule | SegmentationModule


class Latency(NamedTuple):
    """What was timed.

    Attributes:
        input: (height, width) of what enters the network.
        channels_last: whether its channels are last in memory.
        threads: of torch.
        steps: milliseconds of each run, (runs, 3), in the order of `STEPS`.
    """

    input: Size
    channels_last: bool
    threads: int
    steps: np.ndarray


class Spread(NamedTuple):
    """The middle of a series and how far it scatters: median, lower and upper quartile."""

    median: float
    lower: float
    upper: float


class OneImage:
    """A reader of one image of noise, decoded already.

    Args:
        size: (height, width) in pixels.
        detection: whether it comes with boxes (none) or with a mask.
    """

    def __init__(self, size: Size, *, detection: bool) -> None:
        image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
        nothing = np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, bool)
        self.sample: DetectionSample | SegmentationSample
        if detection:
            self.sample = DetectionSample(image, *nothing, image_id=1)
        else:
            self.sample = SegmentationSample(image, np.zeros(size, np.uint8), "noise")

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> DetectionSample | SegmentationSample:
        """Return the image, whatever the index."""
        return self.sample


@torch.inference_mode()
def measure_latency(module: Module, size: Size, *, warmup: int, repeats: int, threads: int | None) -> Latency:
    """Time a model on one image, again and again, through the code that evaluates it.

    Pre-processing resizes, normalises and pads the decoded image and brings it to the device; the network turns that
    into raw predictions; post-processing decodes and suppresses boxes, or enlarges logits and takes the best class.

    Args:
        module: with the model, in evaluation mode, on its device.
        size: (height, width) of the decoded image in pixels.
        warmup: runs that are not timed, at least one.
        repeats: runs that are.
        threads: of torch; None leaves them as they are.
    """
    reader = OneImage(size, detection=isinstance(module, DetectionModule))
    loader = build_eval_loader(reader, module.description, batch_size=1, workers=0)
    entered: list[Tensor] = []
    with limit_threads(threads) as used:
        hook = module.model.register_forward_pre_hook(lambda _, images: entered.__setitem__(slice(None), images))
        for _ in range(warmup):
            run_once(module, loader, size)
        hook.remove()
        steps = [run_once(module, loader, size) for _ in range(repeats)]
    (images,) = entered
    return Latency(
        input=(images.shape[2], images.shape[3]),
        channels_last=images.is_contiguous(memory_format=torch.channels_last),
        threads=used,
        steps=np.array(steps),
    )


def run_once(module: Module, loader: Any, size: Size) -> list[float]:
    """Take the image through once: milliseconds of each of `STEPS`."""
    marks: list[float] = []

    def mark(*_: Any) -> None:
        if module.device.type != "cpu":
            torch.accelerator.synchronize(module.device)
        marks.append(time.perf_counter())

    hooks = module.model.register_forward_pre_hook(mark), module.model.register_forward_hook(mark)
    mark()
    images = loader.collate_fn([loader.dataset[0, 0]]).images.to(module.device)
    if isinstance(module, DetectionModule):
        module.detect(images)
    else:
        module.segment(images, size)
    mark()
    for hook in hooks:
        hook.remove()
    return [1000 * (end - start) for start, end in pairwise(marks)]


def summarize(milliseconds: np.ndarray) -> Spread:
    """Return median and quartiles of (runs,)."""
    lower, median, upper = np.percentile(milliseconds, (25, 50, 75)).tolist()
    return Spread(median, lower, upper)
