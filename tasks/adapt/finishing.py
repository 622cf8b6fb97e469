"""The run that a checkpoint is of, and the last training of the adapted network in the same way."""

import shutil
from dataclasses import replace
from pathlib import Path

from data.errors import InputError
from tasks.adapt.config import AdaptConfig
from tasks.dataset_choice import choose_dataset
from tasks.files import Metrics
from tasks.models.architecture import Arch
from tasks.models.description import Description
from tasks.runs.checkpoints import list_checkpoints
from tasks.runs.folder import CHECKPOINTS, CONFIG
from tasks.train.command import train
from tasks.train.config import TrainConfig
from tasks.train.plan import load_config

FINAL = "final"  # folder of that training
FIELDS = ("backbone", "table", "width", "halving", "minimalistic", "extras", "filters")  # that say what was adapted


def find_run(config: AdaptConfig, description: Description) -> TrainConfig:
    """Return the configuration of the run that a checkpoint is of, for data of now and without what began it.

    Raises:
        InputError: if the checkpoint does not lie in the folder of its run.
    """
    folder = config.source.parent
    folder = folder.parent if folder.name == CHECKPOINTS else folder
    if not (folder / CONFIG).is_file():
        raise InputError(f"checkpoint: {folder} holds no {CONFIG}; expected a checkpoint in the folder of its run")
    run = load_config(folder / CONFIG)
    if run.recipe.own.model.head != description.arch.head:
        raise InputError(f"checkpoint: {folder / CONFIG} is of another model than {config.source}")
    return replace(
        run,
        dataset=choose_dataset(run.dataset, config.dataset, typed_options=config.typed),
        trainer=replace(run.trainer, accelerator=config.accelerator),
        weights=None,
        freeze="none",
        quantize=None,
        overfit=None,
        find=None,
        resume=None,
    )


def finish(config: AdaptConfig, run: TrainConfig, arch: Arch, *, weights: Path) -> Metrics | None:
    """Train the adapted network as the checkpoint was, or go on with that; None where it is not to be trained.

    Args:
        config: of the adaptation.
        run: of the checkpoint.
        arch: the network.
        weights: file of those that are left of the checkpoint's.
    """
    if config.finish == "none":
        return None
    out, options = config.out / FINAL, vars(run.recipe.own.model)
    layers = {name: getattr(arch, name) for name in FIELDS if name in options}
    if config.finish == "tune" and "shapes" in options:
        layers["shapes"] = None  # the weights have them
    epochs = config.epochs or run.trainer.max_epochs
    final = replace(
        run,
        recipe=run.recipe.with_layers(**layers),
        trainer=replace(run.trainer, max_epochs=epochs),
        weights=str(weights) if config.finish == "tune" else None,
        seed=config.seed,
        out=out,
        typed=(f"out={out}",),
    )
    if list_checkpoints(out):
        return train(replace(final, resume=out, typed=()))
    shutil.rmtree(out, ignore_errors=True)  # what a kill before the first checkpoint left
    return train(final)
