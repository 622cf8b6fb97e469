"""One training run: check everything, train, evaluate the best checkpoint; all in one folder."""

import logging
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import lightning as L
import torch
from hydra.core.hydra_config import HydraConfig
from lightning.pytorch.callbacks import EarlyStopping
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from data.cache import cache_readers
from data.datasets import check_serves
from data.errors import InputError
from data.overview import describe_classes
from tasks.build import (
    build_eval_loader,
    build_train_loader,
    describe,
    find_task,
    fit_anchors,
    open_split,
    report_reach,
)
from tasks.callbacks import AveragedWeights, Checkpoints, Describe, HoldTeacher, KeepFrozen, Progress, ProgressBar
from tasks.checkpoint import load_checkpoint, save_safetensors
from tasks.command import check_new
from tasks.curves import plot_curves
from tasks.description import Description
from tasks.distillation.loading import load_teacher
from tasks.evaluation import evaluate_to, log_metrics, make_trainer
from tasks.optimizers import Optimization
from tasks.options import check_compiler, check_numbers, count_workers, parse, to_plain
from tasks.pretrained.freezing import NONE, freeze_model
from tasks.pretrained.identification import Weights
from tasks.pretrained.loading import TAKEN_OVER, adopt, load_weights, read_weights

logger = logging.getLogger(__name__)

CONFIG = "config.yaml"
CHECKPOINTS = "checkpoints"
LOGS = "logs"
LOG_EVERY = 10  # steps


def train(cfg: DictConfig) -> dict[str, Any]:
    """Train what `cfg` asks for, or go on with the run in cfg.resume.

    Returns:
        The metrics of the best checkpoint, as in metrics.json.

    Raises:
        InputError: before the first step, if the configuration or the data cannot be used.
    """
    config, out, last = plan_run(cfg)
    check_compiler(config["trainer"].get("compile", False))
    torch.set_float32_matmul_precision("high")
    L.seed_everything(config["seed"], workers=True, verbose=False)
    head, dataset = config["model"]["head"], config["dataset"]
    announce_synthetic(dataset)
    reader = open_split(head, dataset, "train")
    val_reader = open_split(head, dataset, "val", classes=reader.classes)
    for line in describe_classes(reader, val_reader):
        logger.info(line)
    if dataset.get("cache") == "memory":
        reader, val_reader = cache_readers([reader, val_reader])
    description, weights = describe_start(config, reader, last=last)
    if description.arch.head == "ssdlite":
        report_reach(description, reader)
    loader = build_train_loader(reader, config)
    if min(len(reader), config["batch_size"]) < 2:
        raise InputError(f"batch_size: {config['batch_size']} of {len(reader)} images; batch norm needs at least 2")
    workers = count_workers(dataset)
    val_loader = build_eval_loader(val_reader, description, batch_size=config["batch_size"], workers=workers)
    steps = math.ceil(len(loader) / config["trainer"]["accumulate_grad_batches"]) * config["trainer"]["max_epochs"]
    module = build_module(config, description, weights=weights, steps=steps)
    trainer = build_trainer(
        config, out, description=description, metric=f"val/{module.metric}", resumed=last is not None
    )
    logger.info("training on %d images, evaluating on %d; the run is in %s", len(reader), len(val_reader), out)
    out.mkdir(parents=True, exist_ok=True)
    OmegaConf.save(config, out / CONFIG)
    try:
        trainer.fit(module, loader, val_loader, ckpt_path=last, weights_only=True)
    except SystemExit:  # Lightning's answer to Ctrl-C
        logger.info("stopped; to go on from the last whole epoch: python -m tasks.train resume=%s", out)
        raise
    return finish_run(out, config, val_reader=val_reader, workers=workers)


def plan_run(cfg: DictConfig) -> tuple[dict[str, Any], Path, Path | None]:
    """Decide what is run and where.

    Returns:
        The configuration as plain values, the folder, and the checkpoint to go on from, if any.
    """
    if cfg.resume is None:
        check_serves(cfg.dataset.name, find_task(cfg.model.head).kind)
        config = to_plain(cfg)
        check_numbers(config)
        out = Path(str(config["out"]))
        check_new(out)
        return config, out, None
    out = Path(str(cfg.resume))
    last = out / CHECKPOINTS / "last.ckpt"
    if not (out / CONFIG).is_file() or not last.is_file():
        raise InputError(f"resume: {out} holds no {CONFIG} and {CHECKPOINTS}/last.ckpt; expected the folder of a run")
    given = HydraConfig.get().overrides.task if HydraConfig.initialized() else []
    others = [option for option in given if not option.startswith(("resume=", "debug="))]
    if others:
        raise InputError(f"resume: {' '.join(others)} cannot be changed; the run in {out} goes on as it was configured")
    return load_config(out / CONFIG), out, last


def load_config(path: Path) -> dict[str, Any]:
    """Read the configuration of an earlier run; it holds plain values, and nothing in it is resolved.

    Raises:
        InputError: if it cannot be read, or holds what a run cannot start from.
    """
    try:
        config = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
        check_numbers(config)  # type: ignore[arg-type]
        if "preprocessing" not in config:  # type: ignore[operator]
            raise KeyError("preprocessing")
    except (YAMLError, OmegaConfBaseException, OSError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not the configuration of a run: {error}") from error
    return config  # type: ignore[return-value]


def announce_synthetic(dataset: dict[str, Any]) -> None:
    """Say that the data are synthetic, and how to use real ones."""
    if dataset["name"] == "synthetic":
        logger.info(
            "data: the synthetic street scenes in %s; for COCO: dataset=coco dataset.root=DIR, "
            "for Cityscapes: task=lraspp dataset=cityscapes dataset.root=DIR",
            dataset["root"],
        )


def describe_start(config: dict[str, Any], reader: Any, *, last: Path | None) -> tuple[Description, Weights | None]:
    """Describe the model and read the weights that it starts from; a resumed run has both in its checkpoint.

    What the description takes over from the weights, the configuration does too.

    Returns:
        The description, with what it takes over from the weights, and the weights, if any.

    Raises:
        InputError: if the weights do not fit, or something is to be frozen that no weights give.
    """
    source = config.get("weights")
    if source is None and config.get("freeze") not in (None, NONE):
        raise InputError(f"freeze={config['freeze']}: no weights given, it would freeze random ones; give weights=")
    if last is not None:
        return load_checkpoint(last)[0], None
    weights = None if source is None else read_weights(str(source), describe(config, reader.classes).arch)
    if weights is None or weights.head != config["model"]["head"]:
        fit_anchors(config, reader)
    elif config["model"].get("shapes") is not None:
        raise InputError(f"model.shapes: weights={source} has a head with shapes of its own; expected null")
    description = describe(config, reader.classes)
    if weights is None:
        return description, None
    adopted = adopt(weights, description)
    arch, entry = asdict(adopted.arch), asdict(adopted.preprocessing)
    config["model"] |= {field: arch[field] for field in TAKEN_OVER}
    config["preprocessing"] |= {field: entry[field] for field in config["preprocessing"]}
    return adopted, weights


def build_module(config: dict[str, Any], description: Description, *, weights: Weights | None, steps: int) -> Any:
    """Build the Lightning module with its optimization, its teacher, its first weights and its frozen parts."""
    optimization = {
        **config["optimizer"],
        **{key: config[key] for key in ("lr", "schedule", "warmup")},
        "steps": steps,
    }
    settings: dict[str, Any] = {
        "optimization": parse(Optimization, optimization, "optimizer"),
        "teacher": load_teacher(config, description),
    }
    task = find_task(config["model"]["head"])
    if "loss" in config:
        settings["loss"] = parse(task.loss, config["loss"], "loss")
    module = task.module(description, **settings)
    if weights is not None:
        load_weights(module.model, weights, description)
    freeze_model(module.model, config.get("freeze", NONE))
    if config["trainer"].get("compile"):
        for part in module.model.children():  # each by itself, as a training step calls them
            part.compile()  # in place: the names of the weights stay
    return module.to(memory_format=torch.channels_last)


def build_trainer(
    config: dict[str, Any], out: Path, *, description: Description, metric: str, resumed: bool
) -> L.Trainer:
    """Build Lightning's trainer with its loggers and callbacks."""
    settings = dict(config["trainer"])
    precision, ema_decay = settings.pop("precision"), settings.pop("ema_decay")
    settings.pop("compile", None)
    patience, bar = settings.pop("early_stopping"), settings.pop("progress_bar")
    # A run shorter than the interval is evaluated too: without it there is no best checkpoint.
    settings["check_val_every_n_epoch"] = min(settings["check_val_every_n_epoch"], settings["max_epochs"])
    folder = out / CHECKPOINTS
    callbacks: list[L.Callback] = [
        Describe(description),
        Progress(),
        KeepFrozen(config.get("freeze", NONE)),
        HoldTeacher(),
        Checkpoints(folder, filename="best", monitor=metric, mode="max", enable_version_counter=False),
        Checkpoints(folder, filename="last", enable_version_counter=False, save_on_train_epoch_end=True),
    ]
    if ema_decay:
        callbacks.append(AveragedWeights(ema_decay))
    if patience is not None:
        callbacks.append(EarlyStopping(metric, mode="max", patience=patience))
    if bar:
        callbacks.append(ProgressBar(refresh_rate=LOG_EVERY))
    start = len(list((out / LOGS).glob("start_*"))) if resumed else 0
    return make_trainer(
        precision=choose_precision(precision, settings["accelerator"]),
        callbacks=callbacks,
        logger=[CSVLogger(out, LOGS, version=f"start_{start}"), TensorBoardLogger(out, "tensorboard", version="")],
        log_every_n_steps=LOG_EVERY,
        num_sanity_val_steps=0,
        enable_progress_bar=bar,
        **settings,
    )


def choose_precision(precision: str, accelerator: str) -> Any:
    """Resolve "auto": bfloat16 on a GPU that has it, float16 on another GPU, float32 elsewhere."""
    if precision != "auto":
        return precision
    if accelerator == "cpu" or not torch.cuda.is_available():
        return "32-true"
    return "bf16-mixed" if torch.cuda.is_bf16_supported() else "16-mixed"


def finish_run(out: Path, config: dict[str, Any], *, val_reader: Any, workers: int) -> dict[str, Any]:
    """Write the best model as safetensors, evaluate it and draw the curves.

    Returns:
        The metrics of the best checkpoint, or of the last where none was evaluated.
    """
    best, last = out / CHECKPOINTS / "best.ckpt", out / CHECKPOINTS / "last.ckpt"
    description, weights = load_checkpoint(best if best.is_file() else last)
    save_safetensors(out / "model.safetensors", description, weights)
    plot_curves(sorted((out / LOGS).glob("start_*/metrics.csv")), out / "curves.png")
    metrics = evaluate_to(
        out,
        description,
        weights=weights,
        reader=val_reader,
        batch_size=config["batch_size"],
        workers=workers,
        accelerator=config["trainer"]["accelerator"],
    )
    log_metrics(metrics, out)
    return metrics
