"""How long one image takes on this machine, from decoded pixels to boxes or a mask, step by step."""

import time
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from data.loading import Transformed
from data.sizes import Size
from tasks.hardware import limit_threads
from tasks.models.description import Description
from tasks.task import find_task

if TYPE_CHECKING:
    from tasks.parts import Sample, Usable

STEPS = ("pre-processing", "network", "post-processing")


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
    """A reader of one image, decoded already."""

    def __init__(self, sample: "Sample") -> None:
        self.sample = sample

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> "Sample":
        """Return the image, whatever the index."""
        return self.sample


@torch.inference_mode()
def measure_latency(model: "Usable", size: Size, *, warmup: int, repeats: int, threads: int | None) -> Latency:
    """Time a model on one image, again and again, through the code that evaluates it.

    Pre-processing resizes, normalises and pads the decoded image and brings it to the device; the network turns that
    into raw predictions; post-processing decodes and suppresses boxes, or enlarges logits and takes the best class.

    Args:
        model: in evaluation mode, on its device.
        size: (height, width) of the decoded image in pixels.
        warmup: runs that are not timed, at least one.
        repeats: runs that are.
        threads: of torch; None leaves them as they are.
    """
    parts, entry = find_task(model.description.arch.head).parts, model.description.preprocessing
    data = Transformed(OneImage(parts.blank_sample(size)), parts.resize(entry.size, rule=entry.resize), seed=0)
    entered: list[Tensor] = []
    with limit_threads(threads) as used:
        hook = model.ends[0].register_forward_pre_hook(lambda _, images: entered.__setitem__(slice(None), images))
        for _ in range(warmup):
            run_once(model, data, size)
        hook.remove()
        steps = [run_once(model, data, size) for _ in range(repeats)]
    (images,) = entered
    return Latency(
        input=(images.shape[2], images.shape[3]),
        channels_last=images.is_contiguous(memory_format=torch.channels_last),
        threads=used,
        steps=np.array(steps),
    )


def measure_in_turns(
    models: "Sequence[Usable]", size: Size, *, warmup: int, repeats: int, threads: int | None
) -> np.ndarray:
    """Time several models on one image, one after the other in each round, so that what else runs hits all alike.

    Each takes the image twice in its turn, of which the second counts: the others had the caches.

    Args:
        models: in evaluation mode, each on its device.
        size: (height, width) of the decoded image in pixels.
        warmup: rounds that are not timed.
        repeats: rounds that are.
        threads: of torch; None leaves them as they are.

    Returns:
        (repeats, models, 3), milliseconds of each of `STEPS`.
    """
    rounds = [
        [measure_latency(model, size, warmup=1, repeats=1, threads=threads).steps[0] for model in models]
        for _ in range(warmup + repeats)
    ]
    return np.array(rounds[warmup:])


def run_once(model: "Usable", data: Transformed, size: Size) -> list[float]:
    """Take the image through once: milliseconds of each of `STEPS`."""
    device, parts = find_device(model), find_task(model.description.arch.head).parts
    marks: list[float] = []

    def mark(*_: object) -> None:
        if device.type != "cpu":
            torch.accelerator.synchronize(device)
        marks.append(time.perf_counter())

    first, last = model.ends
    hooks = first.register_forward_pre_hook(mark), last.register_forward_hook(mark)
    mark()
    parts.predict(model, parts.collate([data[0, 0]]).images.to(device), size=size)
    mark()
    for hook in hooks:
        hook.remove()
    return [1000 * (end - start) for start, end in pairwise(marks)]


def find_device(model: "Usable") -> torch.device:
    """Return the device that a model's weights are on; an exported file runs on the processor."""
    return next((weight.device for weight in model.parameters()), torch.device("cpu"))


def default_image(description: Description) -> Size:
    """Return the size of the image that a model is timed on, unless another is asked for."""
    size, task = description.preprocessing.size, find_task(description.arch.head)
    return size if isinstance(size, tuple) and not task.one_size else task.usual_image


def summarize(milliseconds: np.ndarray) -> Spread:
    """Return median and quartiles of (runs,)."""
    lower, median, upper = np.percentile(milliseconds, (25, 50, 75)).tolist()
    return Spread(median, lower, upper)
