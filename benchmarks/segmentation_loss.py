"""The segmenter's loss from a head's map to its gradient, beside torch's own functions on logits of full size.

Usage:
    python -m benchmarks.segmentation_loss

The peer resizes with `F.interpolate` and takes `F.cross_entropy`; ours does the same, and then Dice too. Peaks are of
fresh processes that draw a batch and compute one of them twice, less what they held before. The numbers land in
benchmarks/results/segmentation_loss.json.
"""

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.timing import compare, save
from data.samples import IGNORE
from tasks.segmentation.losses import segmentation_loss
from tasks.segmentation.pixels import Pixels
from tasks.segmentation.settings import LossSettings
from tasks.segmentation.upsampling import Upsampling


class Case(NamedTuple):
    """A batch of crops."""

    images: int
    classes: int
    height: int
    width: int


CASES = {"CamVid": Case(8, 11, 352, 480), "Cityscapes": Case(8, 19, 768, 768)}
SHARE = 0.1  # of the pixels that are ignored
REPEATS = 7


def draw(case: Case) -> tuple[Tensor, Tensor, Upsampling]:
    """Return logits at stride 8, masks, and how the logits are resized."""
    torch.manual_seed(0)
    cells = case.height // 8 + 1, case.width // 8 + 1
    logits = torch.randn(case.images, case.classes, *cells).contiguous(memory_format=torch.channels_last)
    masks = torch.randint(0, case.classes, (case.images, case.height, case.width))
    masks[torch.rand(masks.shape) < SHARE] = IGNORE
    return logits.requires_grad_(), masks, Upsampling((case.height + 1, case.width + 1), align_corners=True)


def compute_ours(case: Case, *, dice: float) -> Tensor:
    """Return the gradient of our losses."""
    logits, masks, upsampling = draw(case)
    losses = segmentation_loss(Pixels(logits, masks, upsampling), settings=LossSettings(dice=dice))
    return torch.autograd.grad(torch.stack(list(losses.values())).sum(), logits)[0]


def compute_theirs(case: Case) -> Tensor:
    """Return the gradient of torch's cross-entropy of resized logits."""
    logits, masks, upsampling = draw(case)
    large = F.interpolate(logits, upsampling.size, mode="bilinear", align_corners=True)
    loss = F.cross_entropy(large[..., : case.height, : case.width], masks, ignore_index=IGNORE)
    return torch.autograd.grad(loss, logits)[0]


RUNS: dict[str, Callable[[Case], Tensor]] = {
    "ours": lambda case: compute_ours(case, dice=0.0),
    "ours, with Dice": lambda case: compute_ours(case, dice=1.0),
    "torch": compute_theirs,
}


def measure_peak(run: str, case: str) -> float:
    """Return the MiB that a fresh process takes to compute a loss."""
    command = [sys.executable, "-m", "benchmarks.segmentation_loss", run, case]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def print_peak(run: str, case: Case) -> None:
    """Print the MiB that this process takes to draw a batch and compute a loss twice."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(2):
        RUNS[run](case)
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)  # KiB on Linux


def main() -> None:
    """Measure peaks and times of all cases, or print one peak."""
    if len(sys.argv) > 1:
        print_peak(sys.argv[1], CASES[sys.argv[2]])
        return
    torch.set_num_threads(1)
    results = {}
    for name, case in CASES.items():
        peaks = {f"{run}, peak memory in MiB": measure_peak(run, name) for run in RUNS}
        times = {
            run: compare(
                lambda run=run, case=case: RUNS[run](case), lambda case=case: RUNS["torch"](case), repeats=REPEATS
            )  # type: ignore[misc]
            for run in list(RUNS)[:2]
        }
        difference = (RUNS["ours"](case) - RUNS["torch"](case)).abs().max() / RUNS["torch"](case).abs().max()
        results[name] = {
            **times,
            **peaks,
            "largest difference of a gradient, as a share of the largest": float(difference),
        }
    save("segmentation_loss", results)
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
