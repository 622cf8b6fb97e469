"""From a recipe and a data set to readers and loaders of batches."""

from typing import TYPE_CHECKING

from torch.utils.data import DataLoader

from data.classes import ClassTable
from data.config import PATIENCE, DatasetConfig
from data.errors import InputError
from data.findings import Report, refuse
from data.loading import Transformed, build_loader
from data.shuffling import BLOCKS
from data.splits import Role
from tasks.models.description import Description
from tasks.processes import find_share
from tasks.recipe import Recipe
from tasks.task import Task, check_serves, find_task

if TYPE_CHECKING:
    from tasks.parts import Reader


def open_split(
    task: Task, dataset: DatasetConfig, role: Role, *, classes: ClassTable | None = None, report: Report = refuse
) -> "Reader":
    """Open the images to train on or to evaluate on, with what a task learns from.

    Args:
        task: whose labels are read.
        dataset: the data set.
        role: which of its splits.
        classes: that the data must agree with, such as a checkpoint's.
        report: takes what is wrong in the files; what it lets pass is left out.

    Raises:
        InputError: if the task cannot use this data set, or `report` refuses what is wrong.
    """
    check_serves(task, dataset.name)
    # What is measured is what `tasks.predict` does, which decodes images whole.
    return task.parts.open_reader(dataset if role == "train" else dataset.whole(), role, classes=classes, report=report)


def build_train_loader(
    reader: "Reader",
    recipe: Recipe,
    dataset: DatasetConfig,
    *,
    seed: int,
    augmented: bool = True,
    deferred: bool = False,
) -> DataLoader:
    """Return the loader of shuffled training batches; of several processes, of this one's share of each.

    Args:
        reader: of the images.
        recipe: of the network.
        dataset: how they are loaded.
        seed: of their order and of what is random in them.
        augmented: whether they are changed at random; not so where a few are to be overfitted.
        deferred: whether a part of these changes is left to the device, see `data.deferred`.

    Raises:
        InputError: if images are decoded smaller than the network's input, or cannot be read in the order wanted.
    """
    parts, sizes, least = recipe.task.parts, recipe.training_sizes, dataset.least_side
    longest = max(max(size) for size in sizes)
    if least is not None and least < longest:
        raise InputError(f"dataset.least_side: {least}; expected at least {longest}, the network's input")
    rule, block = recipe.preprocessing.resize, dataset.shuffle_block
    reader.files.check_shuffle(block)
    if augmented:
        forms = [parts.augment(recipe.own, size=size, rule=rule, deferred=deferred) for size in sizes]
    else:
        forms = [parts.resize_whole(size, rule=rule) for size in sizes]
    return build_loader(
        Transformed(reader, *forms, seed=seed),
        collate=parts.collate,
        batch_size=recipe.batch_size,
        shuffle=True,
        workers=dataset.count_workers(),
        timeout=dataset.timeout,
        share=find_share(),
        block=block,
        ahead=reader.files.ahead and max(reader.files.ahead, BLOCKS * (block or 0)),
    )


def build_eval_loader(
    reader: "Reader", description: Description, *, batch_size: int, workers: int, timeout: float = PATIENCE
) -> DataLoader:
    """Return the loader of whole images in their own order; of several processes, of this one's batches.

    Args:
        reader: of the images.
        description: of the model that takes them.
        batch_size: images at once, where all have one size; else they come one by one.
        workers: processes that load data.
        timeout: seconds to wait for a batch from them.
    """
    task, entry = find_task(description.arch.head), description.preprocessing
    return build_loader(
        Transformed(reader, task.parts.resize(entry.size, rule=entry.resize), seed=0),
        collate=task.parts.collate,
        batch_size=batch_size if task.one_size else 1,
        shuffle=False,
        workers=workers,
        timeout=timeout,
        share=find_share(),
        ahead=reader.files.ahead,
    )
