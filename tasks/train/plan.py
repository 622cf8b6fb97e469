"""What is run and where: a new run, or an earlier one that goes on."""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from data.config import DatasetConfig
from data.errors import InputError
from data.synthetic.recipe import is_drawn
from tasks.cli.folders import check_new, empty
from tasks.cli.options import parse_command
from tasks.runs.checkpoints import find_newest, list_checkpoints
from tasks.runs.folder import CHECKPOINTS, CONFIG, LAST
from tasks.runs.reading import read_yaml
from tasks.torchrun_store import recall_folder
from tasks.train.config import TrainConfig

UNCHANGING = (
    "resume=",
    "resume_anyway=",
    "debug=",
    "trainer.devices=",
    "trainer.timeout=",
)  # options beside which an earlier run goes on as it was
RETIRED = {"trainer": ("stop_at",)}  # options in the files of earlier versions that follow from others by now
TEXTS = ("freeze", "out")  # that such a file holds as a number where they were typed as one


class Plan(NamedTuple):
    """What is run and where."""

    config: TrainConfig
    out: Path
    last: Path | None  # the checkpoint to go on from


def plan_run(config: TrainConfig) -> Plan:
    """Decide what is run and where: a new run, the one in config.resume, or one that torchrun starts again.

    Raises:
        InputError: if the configuration or the folder cannot be used.
    """
    if recall_folder() is not None and config.resume is None:
        if list_checkpoints(config.out):
            return go_on(replace(config, typed=()), config.out)
        empty(config.out)
    if config.resume is None:
        check_new(config.out)
        return Plan(config, config.out, None)
    return go_on(config, config.resume)


def go_on(config: TrainConfig, out: Path) -> Plan:
    """Return what is left of the run in a folder.

    Raises:
        InputError: if it is none, or is to be changed.
    """
    if not (out / CONFIG).is_file() or not list_checkpoints(out):
        raise InputError(f"resume: {out} holds no {CONFIG} and {CHECKPOINTS}/{LAST}; expected the folder of a run")
    others = [option for option in config.typed if not option.startswith(UNCHANGING)]
    if others:
        raise InputError(
            f"resume: {' '.join(others)} cannot be changed; the run in {out} continues as it was configured"
        )
    earlier = load_config(out / CONFIG)
    check_drawn(earlier.dataset)
    # How many processes there are, and how long they wait, is of this start.
    here = replace(earlier.trainer, devices=config.trainer.devices, timeout=config.trainer.timeout)
    return Plan(replace(earlier, debug=config.debug, trainer=here), out, find_newest(out))


def check_drawn(dataset: DatasetConfig) -> None:
    """Check that scenes are there: a folder that only a file names is not drawn into.

    Raises:
        InputError: if they are gone.
    """
    if dataset.name == "synthetic" and not is_drawn(Path(dataset.root)):
        draw = f"python -m tasks.doctor dataset=synthetic dataset.root={dataset.root}"
        raise InputError(f"resume: the scenes in {dataset.root} are gone; {draw} draws them")


def load_config(path: Path) -> TrainConfig:
    """Read the configuration of an earlier run; it holds plain values, and nothing in it is resolved.

    Raises:
        InputError: if it cannot be read, or holds what a run cannot start from.
    """
    values = read_yaml(path)
    for group, names in RETIRED.items():
        if isinstance(values.get(group), dict):
            values[group] = {name: value for name, value in values[group].items() if name not in names}
    values |= {name: str(values[name]) for name in TEXTS if name in values}
    try:
        return parse_command(TrainConfig, values)
    except InputError as error:
        raise InputError(f"{path}: not the configuration of a run: {error}") from error
