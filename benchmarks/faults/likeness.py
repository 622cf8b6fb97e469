"""What differs between two finished runs, to the last bit."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tasks.drawing.curves import read_series
from tasks.models.checkpoint import load_checkpoint
from tasks.runs.folder import BEST, CHECKPOINTS, LAST, WEIGHTS, list_logs

MEASURED = "images_per_second"  # differs from run to run
FILES = ("metrics.json", "results.json", "predictions/*", "analysis.json")


def compare(whole: Path, cut: Path, *, ignored: str | None = None) -> str:
    """Name what differs between two finished runs; "" where nothing does.

    Args:
        whole: folder of a run.
        cut: that of another.
        ignored: part of the names of entries of checkpoints that may differ.
    """
    differences = []
    for name in (LAST, BEST):
        one, two = (flatten(read_trained(folder / CHECKPOINTS / name)) for folder in (whole, cut))
        differences += [f"{name}: {key}" for key in list_differing(one, two, ignored)]
    one, two = (read_series(list_logs(folder)) for folder in (whole, cut))
    for name in ({**one, **two}).keys() - {MEASURED}:
        if name not in one or name not in two or not all(map(np.array_equal, one[name], two[name])):
            differences.append(f"metrics.csv: {name}")
    one, two = (flatten(read_weights(folder / WEIGHTS)) for folder in (whole, cut))
    differences += [f"{WEIGHTS}: {key}" for key in list_differing(one, two, ignored)]
    names = {path.relative_to(run).as_posix() for run in (whole, cut) for part in FILES for path in run.glob(part)}
    for name in sorted(names):
        files = [folder / name for folder in (whole, cut)]
        if not all(file.is_file() for file in files) or len({file.read_bytes() for file in files}) > 1:
            differences.append(name)
    return ", ".join(differences[:4]) + (f" and {len(differences) - 4} more" if len(differences) > 4 else "")


def read_weights(path: Path) -> dict[str, Any]:
    """Return what a model is, and its weights."""
    description, weights = load_checkpoint(path)
    return {"description": asdict(description), "weights": weights}


def list_differing(one: dict[str, Any], two: dict[str, Any], ignored: str | None) -> list[str]:
    """Return the names of the entries in which two checkpoints differ."""
    names = [name for name in {**one, **two} if ignored is None or ignored not in name]
    return [name for name in names if not same(one.get(name), two.get(name))]


def read_trained(path: Path) -> dict[str, Any]:
    """Return what training has made of a checkpoint; not its times and places."""
    content = torch.load(path, weights_only=True)
    for key, state in content["callbacks"].items():
        if key.startswith("Checkpoints"):
            content["callbacks"][key] = {name: state[name] for name in ("best_model_score", "kth_value")}
        if "epoch" in state:
            content["callbacks"][key] = {**state, "epoch": {**state["epoch"], "seconds": None}}
    return content


def flatten(values: Any, name: str = "") -> dict[str, Any]:
    """Return nested dicts and lists as one dict."""
    if isinstance(values, dict | list | tuple):
        items = values.items() if isinstance(values, dict) else enumerate(values)
        return {key: value for part, inner in items for key, value in flatten(inner, f"{name}.{part}").items()}
    return {name: values}


def same(one: Any, two: Any) -> bool:
    """Tell whether two values are the same to the last bit."""
    if isinstance(one, torch.Tensor) and isinstance(two, torch.Tensor):
        return one.dtype == two.dtype and torch.equal(one, two)
    return type(one) is type(two) and one == two
