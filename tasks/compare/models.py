"""What the models of several runs cost: counted, weighed, and timed in turns."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data.errors import InputError
from data.sizes import Size
from tasks.compare.rows import ComparisonRow
from tasks.formats.contract import weigh
from tasks.formats.table import find_format
from tasks.hardware import name_processor
from tasks.inference.loading import load, load_description
from tasks.profiling.latency import STEPS, default_image, find_device, measure_in_turns, summarize
from tasks.profiling.summary import describe_model
from tasks.report.numbers import number
from tasks.runs.folder import BEST, CHECKPOINTS, LAST, WEIGHTS
from tasks.runs.reading import Run

if TYPE_CHECKING:
    from tasks.parts import Usable

logger = logging.getLogger(__name__)

FILES = (WEIGHTS, f"{CHECKPOINTS}/{BEST}", f"{CHECKPOINTS}/{LAST}")
ROUNDS = 15  # in each, every model takes one image to warm up and one that counts
MEGABYTE = 1e6


def find_weights(run: Run) -> Path | None:
    """Return the file with a run's weights; an evaluation's is the checkpoint that it names."""
    named = [str(run.config["checkpoint"])] if run.config.get("checkpoint") else []
    paths = [run.folder / name for name in (*FILES, *named)]  # an absolute name stays as it is
    paths += [Path(start["folder"]) / name for start in run.starts if start.get("folder") for name in named]
    return next((path for path in paths if path.is_file() or (find_format(path) and path.exists())), None)


def describe_models(runs: Sequence[Run]) -> tuple[list[dict[str, Any]], list[str]]:
    """Return what model.json says of each run, or would say; empty where that is unknown, and why it is."""
    models, notes = [], []
    for run in runs:
        model, path = run.model, find_weights(run)
        if not model and path is not None:
            try:
                description = load_description(path)
                model = describe_model(description, image=default_image(description))
            except InputError as error:
                notes.append(f"size unknown: {error}")
        models.append(model)
    return models, notes


def weigh_files(runs: Sequence[Run]) -> list[float | None]:
    """Return the megabytes of each run's model.safetensors, or of the exported file that it evaluated."""
    return [None if path is None else round(weigh(path) / MEGABYTE, 2) for path in map(find_small, runs)]


def find_small(run: Run) -> Path | None:
    """Return the file of a run that one would pass on: without an optimizer's state."""
    path = find_weights(run)
    return path if path is not None and (path.name == WEIGHTS or find_format(path) is not None) else None


def time_models(runs: Sequence[Run]) -> tuple[list[ComparisonRow], dict[str, Any]]:
    """Time the models of runs in turns, on one thread and one image, of the size that the first run's data have.

    Returns:
        Rows of milliseconds, and how they were measured.

    Raises:
        InputError: if a run has no weights, or they cannot be loaded.
    """
    models = [load_model(run) for run in runs]
    image = choose_image(runs[0], models[0])
    logger.info("timing %d models on an image of %d x %d, %d rounds", len(runs), *image, ROUNDS)
    steps = measure_in_turns(models, image, warmup=0, repeats=ROUNDS, threads=1)
    parts = {"latency, ms": steps.sum(axis=2), "network alone, ms": steps[:, :, STEPS.index("network")]}
    rows = [row for name, milliseconds in parts.items() for row in spread_rows(name, milliseconds)]
    return rows, {
        "image": list(image),
        "threads": 1,
        "rounds": ROUNDS,
        "device": name_processor(find_device(models[0])),
    }


def spread_rows(name: str, milliseconds: np.ndarray) -> list[ComparisonRow]:
    """Return rows of medians and quartiles of (rounds, runs); a best is named where its quartiles are apart."""
    spreads = [summarize(times) for times in milliseconds.T]
    best, *others = sorted(spreads)
    apart = best.upper < min(spread.lower for spread in others)
    return [
        ComparisonRow(name, [spread.median for spread in spreads], "number", -1 if apart else 0),
        ComparisonRow("  quartiles", [f"{number(spread.lower)} to {number(spread.upper)}" for spread in spreads]),
    ]


def choose_image(run: Run, model: "Usable") -> Size:
    """Return the (height, width) that most images of a run's data have; a usual one where that is unknown."""
    if "image" not in run.model:
        return default_image(model.description)
    height, width = run.model["image"]
    return height, width


def load_model(run: Run) -> "Usable":
    """Return a run's model.

    Raises:
        InputError: if the run has no weights, or they cannot be loaded.
    """
    path = find_weights(run)
    if path is None:
        raise InputError(f"{run.folder}: none of {', '.join(FILES)}; expected weights to time")
    return load(path, threads=1)
