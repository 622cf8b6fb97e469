"""A model's metric on a reader, without a report."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from data.config import PATIENCE
from tasks.evaluation_settings import EvaluationSettings
from tasks.loaders import build_eval_loader
from tasks.task import find_task
from tasks.trainer import make_trainer

if TYPE_CHECKING:
    from tasks.parts import Reader, Usable

BATCH = 8  # images at once, where all have one size


def score(
    model: "Usable", reader: "Reader", *, workers: int, timeout: float = PATIENCE, accelerator: str = "cpu"
) -> float:
    """Return the metric that a model of its task is judged by, 0 to 1, on all images of a reader."""
    description = model.description
    task = find_task(description.arch.head)
    with TemporaryDirectory() as folder:
        module = task.parts.evaluate(Path(folder), model, reader, settings=EvaluationSettings()).module
        loader = build_eval_loader(reader, description, batch_size=BATCH, workers=workers, timeout=timeout)
        trainer = make_trainer(
            accelerator=accelerator, logger=False, enable_checkpointing=False, enable_progress_bar=False
        )
        (metrics,) = trainer.validate(module, loader, verbose=False)
    return float(metrics[f"val/{task.judge_by(description.arch.scores)}"])
