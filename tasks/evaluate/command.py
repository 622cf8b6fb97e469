"""One evaluation: load a checkpoint, run it over a data set, write numbers, results and pictures."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import OmegaConf

from data.bounded.json_values import read_json
from data.config import DatasetConfig
from data.errors import InputError
from data.findings import refuse
from data.loading import check_shared_memory
from data.sizes import to_size
from data.watchdog import name_deaths
from tasks.cli.folders import make_ready, owning
from tasks.evaluate.config import EvaluateConfig
from tasks.evaluate.progress import EvaluationProgress
from tasks.evaluation_settings import UNMEASURED, EvaluationSettings
from tasks.files import ANALYSIS, Metrics, write_text
from tasks.hardware import check_accelerator
from tasks.inference.loading import load
from tasks.loaders import build_eval_loader, open_split
from tasks.models.checkpoint import check_rewritable, store_thresholds
from tasks.models.description import Description
from tasks.parsing import to_plain
from tasks.processes import first_goes_first, from_first, is_first
from tasks.report.page import REPORT, write_page
from tasks.runs.environment import record_end
from tasks.runs.folder import CONFIG
from tasks.runs.manifest import record_change
from tasks.runs.recording import record_model, record_run
from tasks.task import check_serves, find_task
from tasks.trainer import make_trainer

if TYPE_CHECKING:
    from tasks.parts import Reader, Usable

logger = logging.getLogger(__name__)


@owning
def evaluate(config: EvaluateConfig) -> Metrics:
    """Evaluate config.checkpoint and write config.out.

    Returns:
        The metrics, as in metrics.json; of several processes the first alone has them.

    Raises:
        InputError: if the checkpoint or the data cannot be used.
    """
    check_accelerator(config.accelerator, "accelerator")
    out = config.out
    from_first(lambda: make_ready(out))
    model = load(config.checkpoint, size=None if config.size is None else to_size(config.size, "size"))
    description = model.description
    check_settings(config, description)
    task, dataset = find_task(description.arch.head), config.choose_dataset(description.dataset)
    with first_goes_first():
        reader = open_split(task, dataset, "val", classes=description.classes)
    task.parts.check_evaluation(description, reader, report=refuse, split="val")
    logger.info("%s: %s on %d images", config.checkpoint, description.arch.head, len(reader))
    from_first(lambda: record_start(config, description, dataset, reader=reader))
    metrics = evaluate_to(
        out,
        model,
        reader=reader,
        batch_size=config.batch_size,
        workers=dataset.count_workers(),
        timeout=dataset.timeout,
        accelerator=config.accelerator,
        settings=config.settings,
    )
    if not is_first():
        return metrics
    if config.store_thresholds:
        thresholds = read_thresholds(out / ANALYSIS, description)
        store_thresholds(config.checkpoint, thresholds)
        record_change(config.checkpoint)
        record_model(out, replace(description, thresholds=thresholds), reader=reader)
        named = zip(description.classes.names, thresholds, strict=True)
        logger.info("stored in %s: %s", config.checkpoint, ", ".join(f"{name} {value:.2f}" for name, value in named))
    record_end(out)
    write_page(out)
    log_metrics(metrics, out)
    return metrics


def record_start(config: EvaluateConfig, description: Description, dataset: DatasetConfig, *, reader: "Reader") -> None:
    """Write down what is evaluated on what, before the first image."""
    out = config.out
    out.mkdir(parents=True, exist_ok=True)
    write_text(out / CONFIG, OmegaConf.to_yaml(to_plain(config)))
    record_run(out, description, dataset=dataset, readers={"val": reader}, accelerator=config.accelerator)


def check_settings(config: EvaluateConfig, description: Description) -> None:
    """Check that the model has what the settings are for, and that its file can hold thresholds, where it is to.

    Raises:
        InputError: naming the option.
    """
    head, tta, rule = description.arch.head, config.tta, config.threshold
    task = find_task(head)
    dataset = config.dataset.changes.get("name") or description.dataset.name
    check_serves(task, str(dataset))
    if not tta.trivial:
        scales = list(tta.scales)
        if not task.averages:
            flip = str(tta.flip).lower()
            raise InputError(
                f"scales={scales} flip={flip}: {head} is not a segmenter; expected scales=[1.0] flip=false"
            )
        logger.info("scores averaged over scales %s%s", scales, ", each mirrored too" if tta.flip else "")
    if not task.scores and (config.store_thresholds or rule.rule is not None):
        raise InputError(f"threshold, store_thresholds: {head} is not a detector, its classes need no threshold")
    if config.store_thresholds:
        check_rewritable(config.checkpoint)
        if rule.rule is None and description.thresholds is not None:
            raise InputError(
                "store_thresholds: the checkpoint holds some already; set threshold.rule= to choose new ones"
            )


def read_thresholds(path: Path, description: Description) -> tuple[float, ...]:
    """Return the threshold of each class that an evaluation chose, from its analysis.json."""
    entries = read_json(path, expected="expected what an evaluation writes")["per_class"]
    chosen = (entries[name]["threshold"] for name in description.classes.names)
    return tuple(UNMEASURED if threshold is None else threshold for threshold in chosen)


def evaluate_to(
    out: Path,
    model: "Usable",
    *,
    reader: "Reader",
    batch_size: int,
    workers: int,
    timeout: float,
    accelerator: str,
    settings: EvaluationSettings,
) -> Metrics:
    """Evaluate a model on a reader and write the report into `out`.

    Args:
        out: folder of the results.
        model: in use.
        reader: of the images and their ground truth.
        batch_size: images at once, where all have one size.
        workers: processes that load data.
        timeout: seconds to wait for a batch from them.
        accelerator: Lightning's name of the device.
        settings: how it is evaluated.

    Returns:
        The metrics, as in metrics.json; of several processes the first alone has them, and writes.
    """
    description = model.description
    evaluation = find_task(description.arch.head).parts.evaluate(out, model, reader, settings=settings)
    loader = build_eval_loader(reader, description, batch_size=batch_size, workers=workers, timeout=timeout)
    check_shared_memory([loader])
    trainer = make_trainer(
        accelerator=accelerator,
        callbacks=[EvaluationProgress(), *evaluation.callbacks],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
    )
    out.mkdir(parents=True, exist_ok=True)
    with name_deaths([loader]):
        trainer.validate(evaluation.module, loader, verbose=False)
    return evaluation.write() if is_first() else {}


def log_metrics(metrics: Metrics, out: Path) -> None:
    """Say the numbers and where everything is."""
    numbers = {name: value for name, value in metrics.items() if not isinstance(value, dict)}
    logger.info(" ".join(f"{name} {'-' if value is None else f'{value:.4f}'}" for name, value in numbers.items()))
    logger.info("written to %s; at a glance: %s", out, out / REPORT)
