"""One checkpoint at several input sizes: its metric against its latency, and the cheapest size that is good enough."""

import logging
import math
from pathlib import Path
from typing import Any

from data.errors import InputError
from data.findings import refuse
from tasks.benchmark.config import BenchmarkConfig
from tasks.benchmark.paper_tables import markdown
from tasks.dataset_choice import choose_dataset
from tasks.drawing.figures import ACCENT, INK, new_figure, save_figure, style_axes
from tasks.hardware import choose_device, name_processor
from tasks.inference.loading import load
from tasks.inference.scoring import score
from tasks.loaders import open_split
from tasks.profiling.latency import Spread, default_image, measure_in_turns, summarize
from tasks.profiling.summary import describe_model
from tasks.task import find_task

logger = logging.getLogger(__name__)

POINT = 0.01  # of a metric from 0 to 1
ROUNDING = 1e-9  # points


def measure_sizes(config: BenchmarkConfig, checkpoint: Path) -> dict[str, Any]:
    """Time a checkpoint at each size of the configuration, in turns, and evaluate it there on its data set.

    Raises:
        InputError: if the checkpoint or its data cannot be used, or it is an exported file, which has one size.
    """
    if checkpoint.is_dir():
        raise InputError(f"sizes: {checkpoint} is a folder; expected a checkpoint such as RUN/model.safetensors")
    device, sizes = choose_device(config.accelerator), config.recipe.training_sizes
    models = [load(checkpoint, size=size).to(device) for size in sizes]
    known = models[0].description
    task = find_task(known.arch.head)
    dataset = choose_dataset(known.dataset, config.dataset, typed_options=config.typed)
    reader = open_split(task, dataset, "val", classes=known.classes)
    task.parts.check_evaluation(known, reader, report=refuse, split="val")
    image = config.image_size or default_image(load(checkpoint).description)
    logger.info("sizes to time: %d, in turns, on an image of %d x %d, %d rounds", len(sizes), *image, config.repeats)
    steps = measure_in_turns(
        models, image, warmup=config.warmup_runs, repeats=config.repeats, threads=config.threads
    )  # (repeats, sizes, 3)
    metric = task.judge_by(known.arch.scores)
    rows = []
    for size, model, times in zip(sizes, models, steps.sum(axis=2).T, strict=True):
        value = score(
            model,
            reader,
            workers=dataset.count_workers(),
            timeout=dataset.timeout,
            accelerator=config.accelerator,
        )
        madds = describe_model(model.description, image=image)["madds"]
        rows.append({"size": list(size), metric: value, "madds": madds, "latency_ms": summarize(times)._asdict()})
        logger.info("%d x %d: %s %.4f", *size, metric, value)
    return {
        "checkpoint": str(checkpoint),
        "data": {
            "name": dataset.name,
            "root": dataset.root,
            "split": dataset.val or "a held-out share",
            "images": len(reader),
        },
        "metric": metric,
        "image": list(image),
        "device": name_processor(device),
        "threads": config.threads,
        "warmup_runs": config.warmup_runs,
        "repeats": config.repeats,
        "max_drop": config.max_drop,
        "sizes": rows,
        "take": choose_size(rows, metric=metric, max_drop=config.max_drop),
    }


def choose_size(rows: list[dict[str, Any]], *, metric: str, max_drop: float) -> list[int]:
    """Return the quickest size whose metric is at most `max_drop` points below the best; of equals the better one."""
    best = max(row[metric] for row in rows)
    enough = [row for row in rows if (best - row[metric]) / POINT <= max_drop + ROUNDING]
    taken = min(enough, key=lambda row: (row["latency_ms"]["median"], -row[metric]))
    size: list[int] = taken["size"]
    return size


def render_sizes(results: dict[str, Any]) -> str:
    """Write what was measured as Markdown."""
    metric, data = results["metric"], results["data"]
    best = max(row[metric] for row in results["sizes"])
    table = [["size", metric, "points below the best", "multiply-adds (M)", "median (ms)", "quartiles (ms)"]]
    for row in results["sizes"]:
        spread, drop = Spread(**row["latency_ms"]), (best - row[metric]) / POINT
        quartiles = f"{spread.lower:.1f} to {spread.upper:.1f}"
        numbers = [f"{row[metric]:.4f}", f"{drop:.2f}", f"{row['madds'] / 1e6:.1f}", f"{spread.median:.1f}", quartiles]
        table.append([name_size(row["size"]), *numbers])
    height, width = results["image"]
    return "\n".join(
        [
            f"### {results['checkpoint']} at {len(results['sizes'])} sizes",
            "",
            *markdown(table),
            "",
            f"The cheapest size at most {results['max_drop']:g} points below the best: "
            f"size={write_size(results['take'])}.",
            f"{metric} on the {data['images']} images of {data['split']} in {data['root']}. From one decoded "
            f"image of {height} x {width} to the result; {results['repeats']} rounds in turns after "
            f"{results['warmup_runs']} to warm up. {results['device']}.",
            "",
        ]
    )


def name_size(size: list[int]) -> str:
    """Write a size for people: "256 x 320"."""
    return " x ".join(map(str, size))


def write_size(size: list[int]) -> str:
    """Write a size as an option takes it: "320", or "[256,320]"."""
    return str(size[0]) if size[0] == size[1] else f"[{size[0]},{size[1]}]"


def plot_sizes(results: dict[str, Any], path: Path) -> None:
    """Draw the metric against the latency, the chosen size and the bound marked."""
    metric = results["metric"]
    rows = sorted(results["sizes"], key=lambda row: math.prod(row["size"]))
    milliseconds, values = [row["latency_ms"]["median"] for row in rows], [row[metric] for row in rows]
    lower, upper = ([row["latency_ms"][name] for row in rows] for name in ("lower", "upper"))
    figure = new_figure(6, 4)
    axes = figure.subplots()
    axes.plot(milliseconds, values, color=ACCENT, marker="o")
    axes.hlines(values, lower, upper, color=ACCENT, alpha=0.4, linewidth=4)
    least = max(values) - POINT * results["max_drop"]
    axes.axhline(least, color="#c03a2b", linestyle="--", label=f"max_drop={results['max_drop']:g} points")
    for row, x, y in zip(rows, milliseconds, values, strict=True):
        weight = "bold" if row["size"] == results["take"] else "normal"
        name = write_size(row["size"])
        axes.annotate(name, (x, y), xytext=(5, 7), textcoords="offset points", fontsize=8, color=INK, fontweight=weight)
    title = f"{metric} against latency; cheapest within max_drop: {write_size(results['take'])}"
    style_axes(axes, title=title, xlabel="latency (ms)", ylabel=metric)
    axes.legend()
    save_figure(figure, path)
