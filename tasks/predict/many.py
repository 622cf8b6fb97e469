"""Use a checkpoint on many images, on a Ray cluster: results in parts, which the same command goes on with."""

import logging
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from data.errors import InputError
from data.storage import check_place
from data.streams.objects import list_images
from tasks.cli.terminal import SafeConsole
from tasks.predict.classes import describe_classes
from tasks.predict.config import PredictConfig
from tasks.predict.model_files import identify
from tasks.predict.outbox import Outbox
from tasks.predict.parts import MANIFEST, Plan, begin, dump, finish
from tasks.predict.predictor import Predictor

if TYPE_CHECKING:
    from tasks.predict.cluster import Work

logger = logging.getLogger(__name__)

PATIENCE = 600.0  # seconds to wait for storage that does not answer
CLASSES = "classes.json"
FORM = "jsonl"  # of results, unless another is asked for


def predict_many(config: PredictConfig) -> int:
    """Predict for every image of config.source and write config.out; what is there of the same is not done again.

    Returns:
        The number of images.

    Raises:
        InputError: if an option, the checkpoint or the source cannot be used; at the end, if single images could not.
        RunError: if the storage or the cluster does not answer; what was done is kept.
    """
    check_ray()
    out = Outbox(str(config.out), patience=PATIENCE)
    for name, place in (("source", config.source), ("out", out.place)):
        check_place(place, name)
    options = list_options(config)
    predictor = Predictor(config.checkpoint, **{**options, "accelerator": "cpu"})  # whatever is wrong is said here
    settings = {**options, "checkpoint": identify(config.checkpoint)}
    del settings["accelerator"]
    images = list_images(config.source, patience=PATIENCE)
    plan = Plan(images, config.part_images, config.results or FORM, settings)
    parts = begin(plan, out)
    out.write(CLASSES, dump(describe_classes(predictor.description.classes)))
    done = plan.parts - len(parts)
    logger.info("%d images in %d parts, %d of them done before; %s", len(images), plan.parts, done, out.place)
    if parts:
        run(config, plan, parts, options, out=out.place)
    receipts = finish(plan, out)
    failed = {place: said for receipt in receipts for place, said in receipt.failed.items()}
    logger.info("%d images, written to %s", len(images) - len(failed), out.place)
    if failed:
        first = next(iter(failed.values()))
        raise InputError(
            f"source: {len(failed)} could not be read, listed in {out.place}/{MANIFEST}, the first: {first}"
        )
    return len(images)


def check_ray() -> None:
    """Check that Ray is installed.

    Raises:
        InputError: if it is not.
    """
    if find_spec("ray") is None:
        raise InputError("engine=ray: ray is not installed; pip install 'bneck[ray]' does it")


def list_options(config: PredictConfig) -> dict[str, Any]:
    """Return what a predictor is built with, here and on every node."""
    names = ("threshold", "classes", "tile", "overlap", "batch_size", "size", "accelerator", "max_pixels")
    return {name: getattr(config, name) for name in names}


def run(config: PredictConfig, plan: Plan, parts: list[int], options: dict[str, Any], *, out: str) -> None:
    """Have the cluster do parts, and show how many."""
    from tasks.predict import cluster  # late, as Ray takes seconds
    from tasks.ray_cluster import connect

    connect()
    work: Work = cluster.Work(
        checkpoint=config.checkpoint,
        files=cluster.share(config.checkpoint),
        options=options,
        plan=Plan((), plan.each, plan.form, {}),
        out=out,
        patience=PATIENCE,
    )
    screen, start, images = SafeConsole(stderr=True), time.monotonic(), 0
    columns = (TextColumn("parts"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as progress:
        task = progress.add_task("", total=len(parts))
        for row in cluster.run_parts(plan, parts, work, gpus=cluster.has_gpus(config.accelerator)):
            images += row["images"]
            progress.advance(task)
    logger.info("%.1f images a second", images / (time.monotonic() - start))
