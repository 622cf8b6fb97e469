"""One adaptation: cut, train, choose, until the target is reached; then the final training, and the report."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from backbones.baselines import BASELINES
from data.errors import InputError
from data.samples import space_evenly
from tasks.adapt.config import AdaptConfig
from tasks.adapt.finishing import find_run, finish
from tasks.adapt.listing import write_layers
from tasks.adapt.log import WEIGHTS, load_log
from tasks.adapt.page import write_page
from tasks.adapt.proposals import Space
from tasks.adapt.steps import Work
from tasks.adapt.tuning import Tuner
from tasks.adapt.widths import own_rows
from tasks.cli.folders import owning
from tasks.files import write_json, write_text
from tasks.hardware import check_accelerator
from tasks.latency.runtimes import choose_clock
from tasks.latency.table import open_table
from tasks.models import table_file
from tasks.models.checkpoint import load_checkpoint, save_safetensors
from tasks.models.description import Description
from tasks.parsing import parse, to_plain
from tasks.profiling.latency import default_image
from tasks.profiling.summary import find_input
from tasks.runs.folder import CONFIG
from tasks.runs.reading import read_yaml
from tasks.train.config import TrainConfig
from tasks.train.preparation import open_data

logger = logging.getLogger(__name__)

TABLE = "latency.csv"  # layers timed in this run
BACKBONE = "backbone.yaml"  # the network
ADAPTED = "adapted.safetensors"  # its weights, before the final training
RESULT = "result.json"


@owning
def adapt(config: AdaptConfig) -> dict[str, Any]:
    """Adapt config.checkpoint, or go on with the adaptation in config.resume; with config.layers only list layers.

    Returns:
        What is in result.json; with config.layers the number of layers.

    Raises:
        InputError: before any training, if the checkpoint, the table or the data cannot be used, or if no network that
            there could be reaches the target.
    """
    if config.resume is not None:
        config = load_config(config, config.resume)
    check_accelerator(config.accelerator, "accelerator")
    description, weights = load_checkpoint(config.source)
    check_network(config.source, description)
    description = replace(description, arch=own_rows(description.arch))
    size = find_input(description, default_image(description))
    space = Space(description.arch, size, config.step, config.least)
    if config.layers is not None:
        return {"layers": write_layers(config.layers, space, device=config.device)}
    run = find_run(config, description)
    clock = choose_clock(config.device, threads=config.threads)
    table = open_table(config.device, config.out / TABLE, clock=clock)
    if clock is None:
        table.check(space.layers())
    log = load_log(config.out)
    if log is None:
        write_text(config.out / CONFIG, OmegaConf.to_yaml(to_plain(config)))
    logger.info("the adaptation is in %s; after a stop: python -m tasks.adapt resume=%s", config.out, config.out)
    work = Work(config, space, table, clock, build_tuner(config, run, description), weights)
    work.go_on(log)
    return conclude(work, run)


def load_config(config: AdaptConfig, out: Path) -> AdaptConfig:
    """Read the configuration of an earlier adaptation, which nothing but `debug` may change.

    Raises:
        InputError: if there is none, or more is to be changed.
    """
    values = read_yaml(out / CONFIG)
    if not values:
        raise InputError(f"resume: {out} holds no {CONFIG}; expected the folder of an adaptation")
    others = [option for option in config.typed if not option.startswith(("resume=", "debug="))]
    if others:
        raise InputError(f"resume: {' '.join(others)} cannot be changed; {out} continues as it was configured")
    return replace(parse(AdaptConfig, values), out=out, debug=config.debug)


def check_network(path: Path, description: Description) -> None:
    """Check that a network has rows that can be changed.

    Raises:
        InputError: if it has none, or rounds its weights.
    """
    if description.arch.backbone in BASELINES:
        raise InputError(f"checkpoint: {path} has the backbone {description.arch.backbone}; expected a MobileNetV3")
    if description.arch.quantized:
        raise InputError(f"checkpoint: {path} was trained with quantize=int8; expected one in float")


def build_tuner(config: AdaptConfig, run: TrainConfig, description: Description) -> Tuner:
    """Open the data, and return what trains and judges networks.

    Raises:
        InputError: if they cannot be used, or have other classes than the checkpoint.
    """
    reader, judges = open_data(run)
    if tuple(reader.classes.names) != tuple(description.classes.names):
        raise InputError(f"dataset: its classes are not those of {config.source}; expected the same, in their order")
    if config.images is not None:
        judges = judges.subset(space_evenly(len(judges), config.images))
    return Tuner(
        run=run,
        description=description,
        reader=reader,
        judges=judges,
        steps=config.tune_steps,
        lr=config.tune_lr,
        accelerator=config.accelerator,
        seed=config.seed,
    )


def conclude(work: Work, run: TrainConfig) -> dict[str, Any]:
    """Write the network and its weights, train it to the end, and write what came out."""
    config, log, description = work.config, work.log, work.tuner.description
    arch, weights, out = log.rebuild(work.space.seed), work.load_weights(len(log.steps)), config.out
    write_text(out / BACKBONE, table_file.format_table(table_file.describe(arch)))
    save_safetensors(out / ADAPTED, replace(description, arch=arch, thresholds=None), weights)
    latency, metric = log.state
    result: dict[str, Any] = {
        "checkpoint": {"latency_ms": log.latency, "measured_ms": log.measured, "metric": log.metric},
        "target_ms": log.target,
        "adapted": {"latency_ms": latency, "measured_ms": work.measured, "metric": metric},
        "steps": len(log.steps),
        "metric": run.recipe.metric,
        "backbone": BACKBONE,
        "final": finish(config, run, arch, weights=out / ADAPTED),
    }
    write_json(out / RESULT, result)
    for path in (out / WEIGHTS).glob("*_proposal_*"):  # left where a step was killed at its end
        path.unlink()
    write_page(out, result, log, title=str(config.source), metric=run.recipe.metric)
    logger.info(
        "latency %.3f of %.3f ms, %s %.4f of %.4f before the final training; backbone=%s",
        latency,
        log.latency,
        run.recipe.metric,
        metric,
        log.metric,
        out / BACKBONE,
    )
    return result
