"""Small runs for the tests: configurations as the command line composes them, on a few synthetic scenes."""

from pathlib import Path

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

CONF = Path(__file__).parents[2] / "conf"


def load_config(command: str, *overrides: str) -> DictConfig:
    """Compose what `python -m tasks.COMMAND OVERRIDES` would."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose(command, list(overrides))


def small_run(task: str, out: Path, *overrides: str) -> DictConfig:
    """Compose a training run of seconds, without TensorBoard and its pictures."""
    return load_config(
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
