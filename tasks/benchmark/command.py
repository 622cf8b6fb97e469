"""What networks cost: the paper's tables beside their printed figures, and any configuration counted and timed."""

import logging
import platform
import sys
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import torch

from data.classes import ClassTable
from data.config import DatasetConfig
from data.sizes import Size
from tasks.benchmark.config import BenchmarkConfig
from tasks.benchmark.exports import measure_exports, render_exports
from tasks.benchmark.paper_tables import compare, list_versions, markdown, render_table
from tasks.benchmark.sizes import measure_sizes, plot_sizes, render_sizes
from tasks.files import write_json
from tasks.formats.contract import CONTRACT, read_contract
from tasks.formats.table import find_format
from tasks.hardware import choose_device, name_processor
from tasks.inference.loading import load
from tasks.models.architecture import Arch
from tasks.models.network import build_model
from tasks.profiling.counting import CONVENTIONS, count_madds, count_parameters, count_stages, measure_activations
from tasks.profiling.latency import STEPS, default_image, measure_latency, summarize

if TYPE_CHECKING:
    from tasks.parts import Usable

logger = logging.getLogger(__name__)

NO_DATA = DatasetConfig(name="", root="", train="", val="")
MEBIBYTE = 2**20


def benchmark(config: BenchmarkConfig) -> dict[str, Any]:
    """Build config.table, or count and time the network, or compare sizes or exported files; write config.json.

    Returns:
        What is in the JSON.

    Raises:
        InputError: if the checkpoint cannot be used.
    """
    if config.checkpoint is not None and config.recipe.sizes is not None:
        results = measure_sizes(config, config.checkpoint)
        text = render_sizes(results)
    elif config.checkpoint is not None and config.checkpoint.is_dir():
        results = measure_exports(
            config.checkpoint,
            image=config.image_size,
            warmup=config.warmup_runs,
            repeats=config.repeats,
            threads=config.threads,
        )
        text = render_exports(results)
    elif config.table is None:
        results = measure(config)
        text = render_configuration(results)
    else:
        results = compare(config.table)
        text = render_table(results)
    sys.stdout.write(text)
    if config.figure is not None:
        config.figure.parent.mkdir(parents=True, exist_ok=True)
        plot_sizes(results, config.figure)
        logger.info("drawn in %s", config.figure)
    if config.json is not None:
        config.json.parent.mkdir(parents=True, exist_ok=True)
        write_json(config.json, results)
        logger.info("written to %s", config.json)
    return results


def measure(config: BenchmarkConfig) -> dict[str, Any]:
    """Count and time what a configuration describes.

    Raises:
        InputError: if the checkpoint or the accelerator cannot be used.
    """
    device = choose_device(config.accelerator)
    model = build(config).to(device)
    description = model.description
    image = config.image_size or default_image(description)
    latency = measure_latency(model, image, warmup=config.warmup_runs, repeats=config.repeats, threads=config.threads)
    steps = dict(zip(STEPS, latency.steps.T, strict=True))
    steps["together"] = latency.steps.sum(axis=1)
    return {
        "arch": asdict(description.arch),
        "weights": "random" if config.checkpoint is None else str(config.checkpoint),
        "image": list(image),
        "input": list(latency.input),
        **count_costs(description.arch, latency.input),
        "latency_ms": {name: summarize(times)._asdict() for name, times in steps.items()},
        "timing": {
            "device": name_processor(device),
            "threads": latency.threads,
            "computes": describe_arithmetic(config),
            "channels_last": latency.channels_last,
            "warmup_runs": config.warmup_runs,
            "repeats": config.repeats,
        },
        "versions": {"python": platform.python_version(), **list_versions()},
    }


def describe_arithmetic(config: BenchmarkConfig) -> str:
    """Say by what and in which precision the network is computed."""
    kind = None if config.checkpoint is None else find_format(config.checkpoint)
    if kind is None or config.checkpoint is None:
        return "torch, float32"
    return f"{kind.title}, {read_contract(config.checkpoint.parent / CONTRACT).files[config.checkpoint.name].precision}"


def build(config: BenchmarkConfig) -> "Usable":
    """Return the configured or saved model, in evaluation mode."""
    if config.checkpoint is not None:
        return load(config.checkpoint, threads=config.threads)
    recipe = config.recipe
    if recipe.own.input_size(recipe.input_size) is None:
        recipe = replace(recipe, own=recipe.own.at_one_size(recipe.input_size))
    classes = name_classes(config.num_classes or recipe.task.usual_classes)
    return recipe.task.parts.build(recipe.describe(classes, NO_DATA)).eval()


def name_classes(count: int) -> ClassTable:
    """Return classes with numbers for names."""
    return ClassTable.create([str(index) for index in range(count)], range(count))


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
            f"{timing['device']}, threads: {timing['threads']}, {timing['computes']}, channels {layout}, weights: "
            f"{results['weights']}.",
            ", ".join(f"{name} {version}" for name, version in results["versions"].items()) + ".",
            "",
        ]
    )
