"""The one table of what was measured on a GPU."""

from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.gpu.inputs import WAYS
from benchmarks.gpu.scale import TASKS, Scale

Numbers = Mapping[str, Any]  # of one task, by stage


def _rate(stage: str) -> Callable[[Numbers], float]:
    return lambda found: found[stage]["images a second"]


def _step(way: str, name: str, precision: str = "bf16-mixed") -> Callable[[Numbers], float]:
    return lambda found: found["steps"][f"{way}, {precision}"][name]


def _input(name: str) -> Callable[[Numbers], float]:
    return lambda found: found["inputs"][name]


def _busy(way: str, *, batch: int) -> Callable[[Numbers], float]:
    """Return the share of a run's time in which a kernel runs, from the kernels of a step."""
    kernels, rate = _step(way, "ms of kernels a step"), _rate(way)
    return lambda found: 100 * kernels(found) / 1e3 * rate(found) / batch


def list_rows(batch: int) -> list[tuple[str, str, Callable[[Numbers], float]]]:
    """Return the rows: what, how it is written, and where it is found."""
    ours, theirs = _rate("replayed"), _rate("torchvision")
    rows = [
        ("images/s, tasks.train, replayed", ".0f", ours),
        ("images/s, tasks.train, launched", ".0f", _rate("launched")),
        ("images/s, torchvision", ".0f", theirs),
        ("times torchvision", ".2f", lambda found: ours(found) / theirs(found)),
    ]
    for way in ("replayed", "launched"):
        rows += [
            (f"ms a step, {way}", ".2f", _step(way, "ms a step")),
            (f"of it kernels, {way}", ".2f", _step(way, "ms of kernels a step")),
            (f"launches a step, {way}", ".0f", _step(way, "launches a step")),
            (f"card busy in tasks.train, {way}, %", ".0f", _busy(way, batch=batch)),
            (f"peak memory, {way}, MiB", ".0f", _step(way, "peak memory, MiB")),
        ]
    for way in WAYS:
        rows.append((f"images/s, loading alone, second epoch, {way}", ".0f", _input(f"images a second, {way}")))
    for way in ("decoding, CPU", "decoding, GPU"):
        rows.append((f"images/s, {way}", ".0f", _input(f"images a second, {way}")))
    for name in ("copying", "changing"):
        rows.append((f"ms a batch, {name}", ".2f", _input(f"ms a batch, {name}")))
    for precision in ("32-true", "bf16-mixed"):
        for way in ("replayed", "launched again"):
            name = f"largest difference of losses, {way}, {precision}"
            rows.append((name, ".1e", _step(way, "difference", precision)))
    return rows


def render(results: Mapping[str, Numbers], scale: Scale) -> str:
    """Return the table in Markdown; a dash where a number is missing.

    Args:
        results: by task, as far as they were measured.
        scale: of the measurement.
    """
    heads = [f"{task}, {scale.sizes[task][0]} x {scale.sizes[task][1]}, batch {scale.batches[task]}" for task in TASKS]
    lines = [f"| | {' | '.join(heads)} |", "|---|---:|---:|"]
    columns = [list_rows(scale.batches[task]) for task in TASKS]
    for row in zip(*columns, strict=True):
        cells = [write(find, results.get(task, {}), form) for task, (_, form, find) in zip(TASKS, row, strict=True)]
        lines.append(f"| {row[0][0]} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def write(find: Callable[[Numbers], float], found: Numbers, form: str) -> str:
    """Return a number as it stands in the table."""
    try:
        return format(find(found), form)
    except KeyError:
        return "-"
