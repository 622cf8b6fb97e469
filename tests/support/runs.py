"""Small runs for the tests: configurations as the command line composes them, on a few synthetic scenes."""

from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir

import conf
from data.classes import ClassTable
from tasks.adapt.config import AdaptConfig
from tasks.benchmark.config import BenchmarkConfig
from tasks.cli.options import keep_text, name_table, read_options
from tasks.demo.config import DemoConfig
from tasks.doctor.config import DoctorConfig
from tasks.evaluate.config import EvaluateConfig
from tasks.export.config import ExportConfig
from tasks.models.description import Description
from tasks.predict.config import PredictConfig
from tasks.search.config import SearchConfig
from tasks.shard.config import ShardConfig
from tasks.sweep.config import SweepConfig
from tasks.train.config import TrainConfig

CONF = conf.FOLDER
KINDS: dict[str, Any] = {
    "adapt": AdaptConfig,
    "benchmark": BenchmarkConfig,
    "demo": DemoConfig,
    "doctor": DoctorConfig,
    "evaluate": EvaluateConfig,
    "export": ExportConfig,
    "predict": PredictConfig,
    "shard": ShardConfig,
    "search": SearchConfig,
    "sweep": SweepConfig,
    "train": TrainConfig,
}
REQUIRED = {
    "adapt": ("checkpoint=a",),
    "demo": ("checkpoint=a",),
    "evaluate": ("checkpoint=a",),
    "export": ("checkpoint=a",),
    "predict": ("checkpoint=a", "source=b"),
    "shard": ("out=a",),
    "sweep": ("space=a",),
}


def load_config(command: str, *overrides: str) -> Any:
    """Return the configuration of `python -m tasks.COMMAND OVERRIDES`."""
    kind = KINDS[command]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return read_options(
            kind, compose(command, [keep_text(each, kind) for option in overrides for each in name_table(option)])
        )


def describe(config: TrainConfig, classes: ClassTable) -> Description:
    """Describe the model that a run trains on data of these classes."""
    return config.recipe.describe(classes, config.dataset)


def small_run(task: str, out: Path, *overrides: str) -> TrainConfig:
    """Return the configuration of a training run of seconds, without TensorBoard and its pictures."""
    config: TrainConfig = load_config(
        "train",
        f"task={task}",
        "backbone=small",
        f"dataset.root={out.parent / 'synthetic'}",
        "dataset.scenes={train: 6, val: 4}",
        "dataset.workers=0",
        "size=[64,96]",
        "batch_size=3",
        "model.bn_momentum=0.1",
        "trainer.max_epochs=2",
        "trainer.accelerator=cpu",
        "trainer.progress_bar=false",
        "trainer.log_images=0",
        "logger=csv",
        f"out={out}",
        *overrides,
    )
    return config
