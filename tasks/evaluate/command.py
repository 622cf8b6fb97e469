"""One evaluation: load a checkpoint, run it over a data set, write numbers, results and pictures."""

import json
import logging
from pathlib import Path
from typing import Any

import lightning as L
from lightning.fabric.utilities.exceptions import MisconfigurationException
from omegaconf import DictConfig, OmegaConf

from data.datasets import check_serves
from data.errors import InputError
from data.findings import refuse
from tasks.cli.entry import check_new, quiet_libraries
from tasks.cli.options import check_accelerator, check_least, check_type, count_workers, parse, to_plain
from tasks.detection.limits import check_limits
from tasks.detection.report import write_report as write_detection_report
from tasks.detection.thresholds import ThresholdRule, fill_unmeasured
from tasks.files import ANALYSIS
from tasks.loaders import SEGMENTATION, build_eval_loader, find_task, open_split
from tasks.models.architecture import Model
from tasks.models.checkpoint import check_rewritable, load_checkpoint, load_model, store_thresholds
from tasks.models.description import Description
from tasks.report.page import REPORT, write_page
from tasks.runs.environment import record_end
from tasks.runs.folder import CONFIG, given_options
from tasks.runs.recording import record_run
from tasks.segmentation.analysis import Inspection
from tasks.segmentation.module import SegmentationModule
from tasks.segmentation.report import SavePredictions
from tasks.segmentation.report import write_report as write_segmentation_report
from tasks.segmentation.tta import Averaging
from tasks.train.progress import EvaluationProgress

logger = logging.getLogger(__name__)

BEST_F1 = ThresholdRule()


def evaluate(cfg: DictConfig) -> dict[str, Any]:
    """Evaluate cfg.checkpoint and write cfg.out.

    Returns:
        The metrics, as in metrics.json.

    Raises:
        InputError: if the checkpoint or the data cannot be used.
    """
    config = to_plain(cfg)
    check_least(config["batch_size"], 1, "batch_size")
    check_accelerator(config["accelerator"], "accelerator")
    out = Path(str(config["out"]))
    check_new(out)
    checkpoint = Path(str(config["checkpoint"]))
    description, weights = load_checkpoint(checkpoint)
    model = load_model(description, weights)
    averaging = parse_averaging(config["scales"], config["flip"], head=description.arch.head)
    rule = parse_rule(config, description)
    dataset = choose_dataset(config["dataset"], description)
    check_least(count_workers(dataset), 0, "dataset.workers")
    reader = open_split(description.arch.head, dataset, "val", classes=description.classes)
    if description.postprocessing is not None:
        check_limits(reader, description.postprocessing, refuse, split="val")
    logger.info("%s: %s on %d images", config["checkpoint"], description.arch.head, len(reader))
    out.mkdir(parents=True, exist_ok=True)
    OmegaConf.save(config, out / CONFIG)
    record_run(out, description, dataset=dataset, readers={"val": reader}, accelerator=config["accelerator"])
    metrics = evaluate_to(
        out,
        description,
        model=model,
        reader=reader,
        batch_size=config["batch_size"],
        workers=count_workers(dataset),
        accelerator=config["accelerator"],
        averaging=averaging,
        rule=rule,
    )
    record_end(out)
    write_page(out)
    log_metrics(metrics, out)
    if config["store_thresholds"]:
        thresholds = read_thresholds(out / ANALYSIS, description)
        store_thresholds(checkpoint, thresholds)
        named = zip(description.classes.names, thresholds, strict=True)
        logger.info("stored in %s: %s", checkpoint, ", ".join(f"{name} {value:.2f}" for name, value in named))
    return metrics


def parse_averaging(scales: Any, flip: Any, *, head: str) -> Averaging | None:
    """Check what a segmenter's scores are averaged over, and say it; None where it is each image alone.

    Raises:
        InputError: if it is of another form, or the head is no segmenter's.
    """
    try:
        averaging = Averaging(tuple(scales) if isinstance(scales, list) else scales, flip)
    except ValueError as error:
        raise InputError(str(error)) from error
    if averaging.trivial:
        return None
    if find_task(head) is not SEGMENTATION:
        raise InputError(f"scales={scales} flip={flip}: {head} is no segmenter; expected scales=[1.0] flip=false")
    logger.info("scores averaged over scales %s%s", scales, ", each mirrored too" if flip else "")
    return averaging


def parse_rule(config: dict[str, Any], description: Description) -> ThresholdRule:
    """Check how thresholds are to be chosen, and whether the checkpoint can hold them.

    Raises:
        InputError: if they cannot be chosen so, the model is no detector, or they cannot be stored.
    """
    given = config["threshold"]
    if not isinstance(given, dict):
        expected = "threshold.rule=f1 or false_positives: evaluation chooses them, tasks.predict takes a number"
        raise InputError(f"threshold: {given!r}; expected {expected}")
    rule = parse(ThresholdRule, given, "threshold")
    store, head = config["store_thresholds"], description.arch.head
    check_type(store, bool, "store_thresholds")
    if find_task(head) is SEGMENTATION and (store or rule.rule is not None):
        raise InputError(f"threshold, store_thresholds: {head} is no detector, its classes need no threshold")
    if store:
        check_rewritable(Path(str(config["checkpoint"])))
        if rule.rule is None and description.thresholds is not None:
            raise InputError(
                "store_thresholds: the checkpoint holds some already; say by threshold.rule= how to choose"
            )
    return rule


def read_thresholds(path: Path, description: Description) -> tuple[float, ...]:
    """Return the threshold of each class that an evaluation chose, from its analysis.json."""
    entries = json.loads(path.read_text(encoding="utf-8"))["per_class"]
    return fill_unmeasured([entries[name]["threshold"] for name in description.classes.names])


def choose_dataset(given: dict[str, Any], description: Description) -> dict[str, Any]:
    """Return the data set that was asked for: another one, or the checkpoint's own with what was given changed."""
    name = given["name"] or description.dataset["name"]
    check_serves(name, find_task(description.arch.head).kind)
    if name != description.dataset["name"]:
        return given
    root = given["root"] or description.dataset["root"]
    if given["name"] is None and name == "synthetic" and not Path(str(root)).is_dir():
        raise InputError(f"dataset: the scenes in {root} are gone; dataset=synthetic draws them")
    changed = {key: value for key, value in given.items() if value is not None}
    typed = {option.partition("=")[0] for option in given_options()}
    if "dataset" in typed:  # named again: what its yaml says by default is no wish to differ from the checkpoint
        changed = {key: value for key, value in changed.items() if f"dataset.{key}" in typed}
    if "val" in changed:  # these say where the earlier split is
        changed = {"val_share": None, "annotations": None, **changed}
    return {**description.dataset, **changed}


def evaluate_to(
    out: Path,
    description: Description,
    *,
    model: Model,
    reader: Any,
    batch_size: int,
    workers: int,
    accelerator: str,
    averaging: Averaging | None = None,
    rule: ThresholdRule = BEST_F1,
) -> dict[str, Any]:
    """Evaluate a model on a reader and write the report into `out`.

    Args:
        out: folder of the results.
        description: of the model.
        model: with its weights.
        reader: of the images and their ground truth.
        batch_size: of a detector; a segmenter takes one image at a time.
        workers: processes that load data.
        accelerator: Lightning's name of the device.
        averaging: what a segmenter's scores are averaged over.
        rule: how a detector's thresholds are chosen.

    Returns:
        The metrics, as in metrics.json.
    """
    task = find_task(description.arch.head)
    inspection = Inspection(len(description.classes))
    settings: dict[str, Any] = {} if averaging is None else {"averaging": averaging}
    module = task.module(description, **settings)
    module.model = model
    loader = build_eval_loader(reader, description, batch_size=batch_size, workers=workers)
    callbacks: list[L.Callback] = [EvaluationProgress()]
    if task is SEGMENTATION:
        callbacks += [SavePredictions(out, reader, description.classes), inspection]
    trainer = make_trainer(
        accelerator=accelerator,
        callbacks=callbacks,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
    )
    out.mkdir(parents=True, exist_ok=True)
    trainer.validate(module, loader, verbose=False)
    if isinstance(module, SegmentationModule):
        return write_segmentation_report(out, module, reader, inspection)
    return write_detection_report(out, module, reader, rule=rule)


def make_trainer(**settings: Any) -> L.Trainer:
    """Build Lightning's trainer for one device.

    Raises:
        InputError: if Lightning refuses a setting, such as an accelerator that this machine lacks.
    """
    check_accelerator(settings["accelerator"], "accelerator")
    quiet_libraries()
    try:
        return L.Trainer(devices=1, enable_model_summary=False, use_distributed_sampler=False, **settings)
    except (MisconfigurationException, TypeError, ValueError) as error:
        raise InputError(f"trainer: {error}") from error


def log_metrics(metrics: dict[str, Any], out: Path) -> None:
    """Say the numbers and where everything is."""
    numbers = {name: value for name, value in metrics.items() if not isinstance(value, dict)}
    logger.info(" ".join(f"{name} {'-' if value is None else f'{value:.4f}'}" for name, value in numbers.items()))
    logger.info("written to %s; at a glance: %s", out, out / REPORT)
