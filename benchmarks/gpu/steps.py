"""A training step on batches that lie on the GPU: its time, kernels, launches and memory, launched and replayed."""

import gc
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import lightning as L
import torch
from lightning.pytorch.plugins.precision import MixedPrecision, Precision
from torch import Tensor
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from benchmarks.gpu.runs import finish
from benchmarks.gpu.scale import Scale
from tasks.loaders import open_split
from tasks.train.callbacks import AveragedWeights
from tasks.train.cuda_graph import Recording
from tasks.train.prefetch import move
from tasks.train.preparation import Start, build_loader, build_module
from tasks.train.replays import WARM_UP
from tasks.train.static_step import StaticStep
from tests.support.runs import describe

if TYPE_CHECKING:
    from tasks.parts import Batch

TIMED, PROFILED = 20, 5  # steps
LAUNCHES = ("cudaLaunchKernel", "cuLaunchKernel", "cudaGraphLaunch", "cudaMemcpyAsync", "cudaMemsetAsync")
RANGES = ("Optimizer.", "ProfilerStep")  # that stand among the kernels
MIB = 2**20


class Trial:
    """A freshly initialised network in training, step by step.

    Args:
        task: of the network.
        data: folder of the drawn data.
        scale: of the trial.
        bf16: whether it trains in bfloat16; in float32 otherwise.
    """

    def __init__(self, task: str, data: Path, scale: Scale, *, bf16: bool) -> None:
        L.seed_everything(0, verbose=False)
        config = scale.configure(task, data)
        device = torch.device(scale.device)
        reader = open_split(config.recipe.task, config.dataset, "train")
        module = build_module(Start(config, describe(config, reader.classes), None), reader, steps=1000).to(device)
        optimizers = module.configure_optimizers()
        trainer: Any = SimpleNamespace(
            strategy=SimpleNamespace(root_device=device),
            optimizers=[optimizers["optimizer"]],
            precision_plugin=MixedPrecision("bf16-mixed", scale.device) if bf16 else Precision(),
            lightning_module=module,
            gradient_clip_val=config.trainer.gradient_clip_val,
        )
        averages = AveragedWeights(config.trainer.ema_decay)
        averages.setup(trainer, module, "fit")
        averages.on_train_start(trainer, module)
        self.schedule = optimizers["lr_scheduler"]["scheduler"]
        self.step = StaticStep(trainer, averages)

    def run(self, batches: "list[Batch]", *, graph: bool) -> Iterator[Tensor]:
        """Do a step with each batch in turn, over and over, and yield its loss."""
        do: Callable[[Batch], dict[str, Tensor]] = self.step
        count = 0
        while True:
            for batch in batches:
                if graph and count == WARM_UP:
                    do = Recording(self.step, batch, sharing=None).replay
                self.step.follow_schedule()
                yield do(batch)["loss"]
                self.schedule.step()
                count += 1


def load_batches(task: str, data: Path, scale: Scale) -> "list[Batch]":
    """Return as many batches on the device as steps are compared."""
    config = scale.configure(task, data)
    reader = open_split(config.recipe.task, config.dataset, "train")
    batches: list[Batch] = []
    for batch in islice(build_loader(reader, config), scale.steps):
        batches.append(move(batch, torch.device(scale.device)))
    return batches


def measure(task: str, data: Path, scale: Scale) -> dict[str, Any]:
    """Measure steps launched kernel by kernel, and on a GPU replayed ones; compare their losses."""
    torch.set_float32_matmul_precision("high")
    batches = load_batches(task, data, scale)
    ways = {"launched": False, "launched again": False, "replayed": True}
    if scale.device == "cpu":
        del ways["replayed"]
    result: dict[str, Any] = {}
    for precision in ("32-true", "bf16-mixed"):
        losses = {}
        for way, graph in ways.items():
            trial = Trial(task, data, scale, bf16=precision == "bf16-mixed")
            losses[way], numbers = follow(trial.run(batches, graph=graph), scale)
            del trial  # and its memory
            result[f"{way}, {precision}"] = numbers
        for way in ways:
            result[f"{way}, {precision}"]["difference"] = compare(losses[way], losses["launched"])
    return result


def follow(steps: Iterator[Tensor], scale: Scale) -> tuple[list[float], dict[str, float]]:
    """Return the losses of the first steps, and what `time_steps` finds of later ones."""
    if scale.device == "cuda":
        gc.collect()  # what an earlier trial recorded
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    losses = torch.stack([next(steps) for _ in range(scale.steps)]).tolist()
    return losses, time_steps(steps, scale)


def compare(losses: list[float], expected: list[float]) -> float:
    """Return the largest relative difference of two runs' losses."""
    return max(abs(a - b) / abs(b) for a, b in zip(losses, expected, strict=True))


def time_steps(steps: Iterator[Tensor], scale: Scale) -> dict[str, float]:
    """Time steps that are warm; on a GPU also count what they launch, and the time of the kernels alone."""
    device = torch.device(scale.device)
    count = TIMED if scale.device == "cuda" else 1
    start = finish(device)
    for _ in range(count):
        next(steps)
    result = {"ms a step": (finish(device) - start) / count * 1e3}
    if scale.device == "cuda":
        result["peak memory, MiB"] = torch.cuda.max_memory_reserved() / MIB
        result |= profile_steps(steps)
    return result


def profile_steps(steps: Iterator[Tensor]) -> dict[str, float]:
    """Return the launches of a step, and the milliseconds of its kernels."""
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiler:
        for _ in range(PROFILED):
            next(steps)
        torch.cuda.synchronize()
    events = profiler.events()
    launches = sum(event.name.startswith(LAUNCHES) for event in events if event.device_type == DeviceType.CPU)
    kernels = [
        event
        for event in events
        if event.device_type == DeviceType.CUDA and not event.is_user_annotation and not event.name.startswith(RANGES)
    ]
    busy = sum(event.time_range.elapsed_us() for event in kernels)
    return {"launches a step": launches / PROFILED, "ms of kernels a step": busy / PROFILED / 1e3}
