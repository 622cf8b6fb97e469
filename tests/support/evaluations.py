"""python -m tests.support.evaluations CHECKPOINT ROOT OUT COUNT...: tasks.evaluate, of several numbers of images."""

import sys
from pathlib import Path

from tasks.evaluate.command import evaluate
from tasks.processes import together
from tests.support.runs import load_config


def evaluate_each(checkpoint: Path, root: Path, out: Path, counts: list[int]) -> None:
    """Evaluate a model on drawn scenes in ROOT/COUNT, into OUT/COUNT."""
    for count in counts:
        evaluate(
            load_config(
                "evaluate",
                f"checkpoint={checkpoint}",
                "dataset=synthetic",
                f"dataset.root={root / str(count)}",
                f"dataset.scenes={{train: 1, val: {count}}}",
                "dataset.workers=0",
                "accelerator=cpu",
                "batch_size=4",
                f"out={out / str(count)}",
            )
        )


if __name__ == "__main__":
    with together("cpu", timeout=300):
        evaluate_each(*map(Path, sys.argv[1:4]), [int(count) for count in sys.argv[4:]])
