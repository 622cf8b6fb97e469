"""The runs of `make demo`, trained once for all tests that use them: minutes each."""

from pathlib import Path
from typing import Any, NamedTuple

from tasks.train.command import train
from tests.support.once import make_once
from tests.support.runs import load_config


class Demo(NamedTuple):
    """One run of the demo."""

    folder: Path
    metrics: dict[str, Any]  # what train() returned


def train_demo(experiment: str, root: Path) -> Demo:
    """Train experiment=EXPERIMENT in `root`, a folder that all test processes see, unless one of them has."""
    folder = root / experiment / "run"
    places = [f"dataset.root={root / experiment / 'scenes'}", f"out={folder}", "trainer.progress_bar=false"]

    def make() -> dict[str, Any]:
        return train(load_config("train", f"experiment={experiment}", *places))

    return Demo(folder, make_once(root / experiment / "trained.json", make))
