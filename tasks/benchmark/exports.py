"""All exported files under a folder, timed in turns on this machine, and which one to take."""

import logging
import platform
from pathlib import Path
from typing import Any, NamedTuple

from data.errors import InputError
from data.sizes import Size
from tasks.benchmark.paper_tables import markdown
from tasks.formats.contract import CONTRACT, ExportedFile, read_contract
from tasks.formats.table import FORMATS
from tasks.inference.loading import load
from tasks.profiling.latency import Spread, default_image, measure_in_turns, summarize

logger = logging.getLogger(__name__)

MEGABYTE = 1e6


class Candidate(NamedTuple):
    """One exported file."""

    path: Path
    file: ExportedFile


def find_exports(folder: Path) -> list[Candidate]:
    """Return the exported files under a folder that run on this kind of machine, in the order of their paths.

    Raises:
        InputError: if there are none, or a model.json cannot be read.
    """
    contracts = [(path.parent, read_contract(path)) for path in sorted(folder.rglob(CONTRACT))]
    found = [Candidate(place / name, file) for place, contract in contracts for name, file in contract.files.items()]
    usable = [candidate for candidate in found if FORMATS[candidate.file.format].runs]
    if not usable:
        raise InputError(f"checkpoint: no exported file under {folder}; expected what tasks.export writes")
    return usable


def measure_exports(
    folder: Path, *, image: Size | None, warmup: int, repeats: int, threads: int | None
) -> dict[str, Any]:
    """Time every exported file under a folder, in turns, from a decoded image to boxes or a mask.

    Args:
        folder: that holds them, at any depth.
        image: (height, width) in pixels of the decoded image; None for a usual one.
        warmup: rounds that are not timed.
        repeats: rounds that are.
        threads: of each runtime; None for as many as it takes.

    Raises:
        InputError: if there are none, or one cannot be opened.
    """
    candidates = find_exports(folder)
    models = [load(candidate.path, threads=threads) for candidate in candidates]
    size = image or default_image(models[0].description)
    logger.info("files to time: %d, in turns, on an image of %d x %d, %d rounds", len(models), *size, repeats)
    steps = measure_in_turns(models, size, warmup=warmup, repeats=repeats, threads=threads)
    spreads = [summarize(times) for times in steps.sum(axis=2).T]
    rows = [
        {
            "file": str(candidate.path.relative_to(folder)),
            "format": candidate.file.format,
            "precision": candidate.file.precision,
            "megabytes": candidate.file.bytes / MEGABYTE,
            "latency_ms": spread._asdict(),
        }
        for candidate, spread in zip(candidates, spreads, strict=True)
    ]
    return {
        "image": list(size),
        "threads": threads,
        "warmup_runs": warmup,
        "repeats": repeats,
        "machine": platform.machine(),
        "files": rows,
        "take": choose(rows),
    }


def choose(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Name the quickest file, and those that are as quick as far as the spread of their times can tell."""
    best = min(rows, key=lambda row: row["latency_ms"]["median"])
    as_quick = [
        row["file"] for row in rows if row is not best and row["latency_ms"]["lower"] <= best["latency_ms"]["upper"]
    ]
    return {"file": best["file"], "as_quick": as_quick}


def render_exports(results: dict[str, Any]) -> str:
    """Write what was measured as Markdown."""
    table = [["file", "precision", "MB", "median (ms)", "quartiles (ms)"]]
    for row in results["files"]:
        spread = Spread(**row["latency_ms"])
        quartiles = f"{spread.lower:.1f} to {spread.upper:.1f}"
        table.append([row["file"], row["precision"], f"{row['megabytes']:.1f}", f"{spread.median:.1f}", quartiles])
    take, (height, width) = results["take"], results["image"]
    others = f" ({', '.join(take['as_quick'])}: as quick within the spread)" if take["as_quick"] else ""
    threads = (
        "as many threads as each runtime takes" if results["threads"] is None else f"threads: {results['threads']}"
    )
    return "\n".join(
        [
            *markdown(table),
            "",
            f"From one decoded image of {height} x {width} to boxes or mask; {results['repeats']} rounds after "
            f"{results['warmup_runs']} to warm up, {threads}.",
            f"On this machine take {take['file']}{others}. How exact each is, tasks.evaluate tells.",
            "",
        ]
    )
