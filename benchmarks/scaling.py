"""What several processes spend on each other: a training step alone, its gradients' exchange, the host's agreement.

Usage:
    python -m benchmarks.scaling    # one thread each; writes benchmarks/results/scaling.json

The whole batch stays the same, so that each of W processes has a Wth of it. On a shared machine others only ever make
things slower, so the lowest of many times is taken; where there are fewer free cores than processes, it says little.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from benchmarks.timing import save
from data.batches import collate_detection
from data.transforms import DetectionItem
from tasks.processes import find_largest, find_share, together
from tasks.task import find_task
from tests.support.runs import describe, load_config
from tests.support.untrained import CLASSES

NAME = "scaling"
WORLDS = (1, 2, 4)
BATCH, SIZE, STEPS = 16, 320, 12
NUMBERS = 1000  # exchanges of the host


def lowest(function: Callable[[], object], repeats: int) -> float:
    """Return the lowest time of a function in milliseconds; all processes begin together."""
    times = []
    for _ in range(repeats):
        find_largest([0])
        begin = time.perf_counter()
        function()
        times.append(time.perf_counter() - begin)
    return 1e3 * min(times)


def measure(backbone: str) -> dict[str, float]:
    """Time the parts of a step of SSDLite in this process."""
    world = find_share().world
    config = load_config("train", "task=ssdlite", f"backbone={backbone}", f"size={SIZE}", "trainer.max_epochs=1")
    description = describe(config, CLASSES)
    torch.manual_seed(0)
    task = find_task("ssdlite")
    module = task.parts.build_module(
        description,
        config.recipe.own,
        optimization=config.optimization(STEPS),
        teacher=None,
        reader=None,  # type: ignore[arg-type]
    )
    blank = task.parts.blank_sample((SIZE, SIZE))
    items = [DetectionItem(blank.image, blank.boxes, blank.labels, blank.crowd, 0, (SIZE, SIZE))] * (BATCH // world)
    batch = collate_detection(items)
    module.train()
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    count = sum(parameter.numel() for parameter in parameters)
    flat = torch.zeros(count)

    def step() -> None:
        module.training_step(batch, 0)["loss"].backward()

    found = {"parameters": count, "step": lowest(step, STEPS)}
    if world > 1:
        found["exchange of gradients"] = lowest(lambda: dist.all_reduce(flat), STEPS)
        found["exchange of the host"] = lowest(lambda: find_largest([0, 1]), NUMBERS)
        together_module = DistributedDataParallel(Loss(module))
        found["step together"] = lowest(lambda: together_module(batch).backward(), STEPS)
    return found


class Loss(torch.nn.Module):
    """The loss of a module, as DDP takes it."""

    def __init__(self, module: torch.nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, batch: object) -> torch.Tensor:
        """Return the loss of a batch."""
        loss: torch.Tensor = self.module.training_step(batch, 0)["loss"]
        return loss


def run(world: int, backbone: str, path: Path) -> dict[str, float]:
    """Measure in so many processes, of which the first one's numbers count."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={world}"]
    command += ["-m", "benchmarks.scaling", backbone, str(path)]
    subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    numbers: dict[str, float] = json.loads(path.read_text())
    return numbers


def main(arguments: list[str]) -> None:
    """Measure all, or be one of the processes."""
    if arguments:
        with together("cpu", timeout=600):
            found = measure(arguments[0])
            if find_share().rank == 0:
                Path(arguments[1]).write_text(json.dumps(found))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "found.json"
        results = {str(world): run(world, "large", path) for world in WORLDS}
    save(NAME, {"images": BATCH, "size": SIZE, "milliseconds, by processes": results})


if __name__ == "__main__":
    main(sys.argv[1:])
