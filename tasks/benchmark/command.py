"""What networks cost: the paper's tables beside their printed figures, and any configuration counted and timed."""

import logging
import platform
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig

from data.classes import ClassTable
from data.errors import InputError
from data.sizes import Size
from tasks.benchmark.paper_tables import compare, list_versions, markdown, render_table
from tasks.cli.options import check_least, parse_size, to_plain
from tasks.evaluate.command import make_trainer
from tasks.files import write_json
from tasks.hardware import name_processor
from tasks.loaders import DETECTION, describe, find_task
from tasks.models.architecture import Arch
from tasks.models.checkpoint import load_checkpoint, load_model
from tasks.models.description import Description
from tasks.models.network import build_model
from tasks.profiling.counting import CONVENTIONS, count_madds, count_parameters, count_stages, measure_activations
from tasks.profiling.latency import STEPS, Module, measure_latency, summarize

logger = logging.getLogger(__name__)

CLASSES = {"detection": 80, "segmentation": 19}  # of COCO and of Cityscapes
PHOTO: Size = (480, 640)  # a usual size in COCO
CITYSCAPES: Size = (1024, 2048)
MEBIBYTE = 2**20


def benchmark(cfg: DictConfig) -> dict[str, Any]:
    """Build cfg.table, or count and time the configuration; print it, and write cfg.json where given.

    Returns:
        What is in the JSON.

    Raises:
        InputError: if an option or the checkpoint cannot be used.
    """
    config = to_plain(cfg)
    out = None if config["json"] is None else Path(str(config["json"]))
    if out is not None and out.is_dir():
        raise InputError(f"json: {out} is a folder; expected the name of a file")
    if config["table"] is None:
        results = measure(config)
        text = render_configuration(results)
    else:
        results = compare(config["table"])
        text = render_table(results)
    sys.stdout.write(text)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_json(out, results)
        logger.info("written to %s", out)
    return results


def measure(config: dict[str, Any]) -> dict[str, Any]:
    """Count and time what a configuration describes.

    Raises:
        InputError: if an option or the checkpoint cannot be used.
    """
    for field in ("warmup_runs", "repeats", "threads", "num_classes"):
        if config[field] is not None or field in ("warmup_runs", "repeats"):
            check_least(config[field], 1, field)
    image = None if config["image"] is None else parse_size(config["image"], "image")
    module = build_module(config)
    description = module.description
    image = image or default_image(description)
    module.to(make_trainer(accelerator=config["accelerator"], logger=False).strategy.root_device)
    latency = measure_latency(
        module, image, warmup=config["warmup_runs"], repeats=config["repeats"], threads=config["threads"]
    )
    steps = dict(zip(STEPS, latency.steps.T, strict=True))
    steps["together"] = latency.steps.sum(axis=1)
    return {
        "arch": asdict(description.arch),
        "weights": "random" if config["checkpoint"] is None else str(config["checkpoint"]),
        "image": list(image),
        "input": list(latency.input),
        **count_costs(description.arch, latency.input),
        "latency_ms": {name: summarize(times)._asdict() for name, times in steps.items()},
        "timing": {
            "device": name_processor(module.device),
            "threads": latency.threads,
            "channels_last": latency.channels_last,
            "warmup_runs": config["warmup_runs"],
            "repeats": config["repeats"],
        },
        "versions": {"python": platform.python_version(), **list_versions()},
    }


def build_module(config: dict[str, Any]) -> Module:
    """Return the configured or saved model with all that is around it, in evaluation mode."""
    if config["checkpoint"] is None:
        kind = find_task(config["model"]["head"]).kind
        if config["eval_size"] is None:
            config = {**config, "eval_size": config["size"]}
        description = describe(config, name_classes(config["num_classes"] or CLASSES[kind]))
        return find_task(description.arch.head).module(description).eval()
    description, weights = load_checkpoint(Path(str(config["checkpoint"])))
    module = find_task(description.arch.head).module(description).eval()
    module.model = load_model(description, weights)
    return module


def name_classes(count: int) -> ClassTable:
    """Return classes with numbers for names."""
    return ClassTable.create([str(index) for index in range(count)], range(count))


def default_image(description: Description) -> Size:
    """Return the size of the image that a model is timed on, unless another is asked for."""
    if find_task(description.arch.head) is DETECTION:
        return PHOTO
    size = description.preprocessing.size
    return size if isinstance(size, tuple) else CITYSCAPES


def count_costs(arch: Arch, size: Size) -> dict[str, Any]:
    """Count parameters, multiply-adds and the memory of activations for an input of `size` pixels."""
    with torch.device("meta"):
        model = build_model(arch).eval()
    activations = measure_activations(model, size)
    return {
        "params": count_parameters(model, norms=True),
        "params_folded": count_parameters(model, norms=False),
        "madds": {name: count_madds(model, size, formulas=c.formulas) for name, c in CONVENTIONS.items()},
        "conventions": {name: convention.madds for name, convention in CONVENTIONS.items()},
        "stages": [stage._asdict() for stage in count_stages(model, size, convention=CONVENTIONS["products"])],
        "activations": {"peak_bytes": activations.peak, "largest_bytes": activations.largest},
    }


def render_configuration(results: dict[str, Any]) -> str:
    """Write what a configuration costs as Markdown."""
    arch, timing, madds = results["arch"], results["timing"], results["madds"]
    stages = [["stage", "parameters", "multiply-adds (M)", "share"]]
    for stage in [*results["stages"], {"name": "all", "params": results["params"], "madds": madds["products"]}]:
        share = f"{100 * stage['madds'] / madds['products']:.1f} %"
        stages.append([stage["name"], f"{stage['params']:,}", f"{stage['madds'] / 1e6:.1f}", share])
    latency = [["step", "median (ms)", "quartiles (ms)"]]
    for name, spread in results["latency_ms"].items():
        latency.append([name, f"{spread['median']:.1f}", f"{spread['lower']:.1f} to {spread['upper']:.1f}"])
    (height, width), image = results["input"], results["image"]
    activations = {name: size / MEBIBYTE for name, size in results["activations"].items()}
    layout = "last" if timing["channels_last"] else "first"
    return "\n".join(
        [
            f"### {arch['head']} on {arch['backbone']}, {arch['num_classes']} classes, input {height} x {width}",
            "",
            *markdown(stages),
            "",
            f"Multiply-adds for one image: {CONVENTIONS['products'].madds}. "
            f"As the paper's Table 6 counts, with bias adds: {madds['folded'] / 1e6:.1f} M, and without batch norm "
            f"{results['params_folded']:,} parameters. "
            f"As Tables 7 and 8, with element-wise work: {madds['profiler'] / 1e6:.1f} M.",
            "",
            f"Activations: at most {activations['peak_bytes']:.1f} MiB at once, the largest map "
            f"{activations['largest_bytes']:.1f} MiB: float32, one image, the network layer by layer in inference.",
            "",
            *markdown(latency),
            "",
            f"From one decoded image of {image[0]} x {image[1]} to boxes or mask, as in evaluation; "
            f"{timing['repeats']} runs after {timing['warmup_runs']} to warm up. "
            f"{timing['device']}, torch threads: {timing['threads']}, float32, channels {layout}, weights: "
            f"{results['weights']}.",
            ", ".join(f"{name} {version}" for name, version in results["versions"].items()) + ".",
            "",
        ]
    )
