"""Two runs of each task that the whole suite reads."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tasks.train.command import train
from tests.support.figures import drawn_figures
from tests.support.once import make_once
from tests.support.runs import small_run

EPOCHS = "trainer.max_epochs=3"


class Trained(NamedTuple):
    """A finished run; a test that changes a folder copies it first."""

    task: str
    folder: Path
    plain: Path  # the folder of the same run without TensorBoard and pictures
    metrics: dict[str, Any]  # what train() returned
    said: list[str]  # what it logged


def train_once(task: str, root: Path) -> Trained:
    """Train `task` in `root`, a folder that all test processes see, unless one of them has."""
    folder, plain = root / task / "run", root / task / "plain"

    def make() -> dict[str, Any]:
        with drawn_figures():
            train(small_run(task, plain, EPOCHS))
            with recorded("tasks") as said:
                metrics = train(small_run(task, folder, EPOCHS, "logger=tensorboard", "trainer.log_images=2"))
        return {"metrics": metrics, "said": said}

    return Trained(task, folder, plain, **make_once(root / task / "trained.json", make))


@contextmanager
def recorded(name: str) -> Iterator[list[str]]:
    """Collect what a logger and those below it say, from INFO on."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger(name)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield lines
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)
