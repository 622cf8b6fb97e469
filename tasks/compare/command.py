"""Several runs side by side: what their folders say, and what their models cost."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data.errors import InputError
from tasks.compare.models import describe_models, time_models, weigh_files
from tasks.compare.rows import ComparisonRow
from tasks.compare.tables import Comparison, print_comparison, write_comparison
from tasks.files import write_json
from tasks.report.defaults import write_options
from tasks.report.sections import list_metrics
from tasks.runs.reading import Run, read_run
from tasks.task import KINDS

logger = logging.getLogger(__name__)

UNSET = "null"  # an option that a run of another version does not have is one that is not set
UNIMPORTANT = (
    "out",
    "resume",
    "debug",
    "trainer.progress_bar",
    "trainer.save_every",
    "trainer.nan_patience",
)  # options that change no result


def compare_to(
    folders: Sequence[Path],
    *,
    per_class: bool = False,
    latency: bool = False,
    json_path: Path | None = None,
    html_path: Path | None = None,
) -> dict[str, Any]:
    """Compare runs, print the tables, and write JSON and HTML where asked for.

    Returns:
        What is in the JSON.

    Raises:
        InputError: if the folders cannot be compared, or a file cannot be written.
    """
    for option, path in (("--json", json_path), ("--html", html_path)):
        if path is not None and path.is_dir():
            raise InputError(f"{option}: {path} is a folder; expected the name of a file")
    runs = read_runs(folders)
    comparison = compare_runs(runs, per_class=per_class, latency=latency)
    results = comparison.to_dict()
    for path in filter(None, (json_path, html_path)):
        path.parent.mkdir(parents=True, exist_ok=True)
    if json_path is not None:
        write_json(json_path, results)
        logger.info("written to %s", json_path)
    if html_path is not None:
        write_comparison(comparison, html_path)
        logger.info("written to %s", html_path)
    print_comparison(comparison)
    return results


def read_runs(folders: Sequence[Path]) -> list[Run]:
    """Read the folders and check that they are different runs of one task.

    Raises:
        InputError: naming the folder that does not fit.
    """
    check_words(folders)
    if len({folder.resolve() for folder in folders}) < max(2, len(folders)):
        given = ", ".join(str(folder) for folder in folders)
        raise InputError(f"RUN: {given}; expected two or more folders, each once")
    runs = [read_run(folder) for folder in folders]
    for run in runs:
        if run.task is None:
            raise InputError(f"{run.folder}: holds no metrics.json, config.yaml or model.json; expected a run's folder")
        if run.task != runs[0].task:
            raise InputError(
                f"{run.folder}: {run.task}, while {runs[0].folder} is {runs[0].task}; expected runs of one task"
            )
    return runs


def check_words(folders: Sequence[Path]) -> None:
    """Point out options in the form of the other commands.

    Raises:
        InputError: naming the word.
    """
    for folder in folders:
        if "=" in str(folder) and not folder.exists():
            raise InputError(
                f"{folder}: no such folder; expected RUN RUN ... as plain words, and options as --json FILE, see --help"
            )


def compare_runs(runs: Sequence[Run], *, per_class: bool = False, latency: bool = False) -> Comparison:
    """Set runs of one task side by side.

    Args:
        runs: two or more; differences are to the first.
        per_class: whether the metric of each class is compared too.
        latency: whether the models are timed.

    Raises:
        InputError: if a model that is to be timed cannot be loaded.
    """
    models, notes = describe_models(runs)
    files = weigh_files(runs)
    timed, measured = time_models(runs) if latency else ([], None)
    return Comparison(
        runs=list(runs),
        names=name_runs([run.folder for run in runs]),
        states=[describe_state(run) for run in runs],
        warnings=[*warn_of_data(runs), *notes],
        metrics=compare_metrics(runs),
        per_class=compare_classes(runs) if per_class else [],
        speed=[
            ComparisonRow("training images/s", [run.speed for run in runs], "number", +1),
            ComparisonRow("training minutes", [run.train_minutes for run in runs], "number"),
            ComparisonRow("minutes in all", [run.minutes for run in runs], "number"),
            ComparisonRow("device", [name_device(run) for run in runs]),
            *timed,
        ],
        size=[
            ComparisonRow("parameters", [model.get("params") for model in models], "millions", -1),
            ComparisonRow("multiply-adds", [model.get("madds") for model in models], "madds", -1),
            ComparisonRow("file, MB", files, "number", -1),
            ComparisonRow(
                "input", [model["input"] and "x".join(map(str, model["input"])) if model else None for model in models]
            ),
        ],
        configuration=compare_options(runs),
        measured=measured,
    )


def name_runs(folders: Sequence[Path]) -> list[str]:
    """Return the shortest ends of the paths that tell them apart: "a/run", "b/run"."""
    parts = [folder.resolve().parts for folder in folders]
    for length in range(1, max(len(path) for path in parts) + 1):
        names = ["/".join(path[-length:]) for path in parts]
        if len(set(names)) == len(names):
            break
    return names


def describe_state(run: Run) -> str:
    """Say whether a run came to its end, and else how far it came."""
    if run.metrics:
        return "finished"
    epochs = (run.config.get("trainer") or {}).get("max_epochs")
    done = f", {max(run.speeds) + 1} of {epochs} epochs begun" if run.speeds and epochs else ""
    return f"no metrics: interrupted or still running{done}"


def name_device(run: Run) -> str | None:
    """Return what the run's last start ran on."""
    if not run.starts:
        return None
    start = run.starts[-1]
    found = start.get("processor") if start.get("device") == "cpu" else start.get("device")
    return None if found is None else str(found)


def warn_of_data(runs: Sequence[Run]) -> list[str]:
    """Say which runs have other data than the first one, or may have."""
    warnings = []
    names = name_runs([run.folder for run in runs])
    for part, does in (("val", "measured"), ("train", "trained")):
        hashes = [run.data.get("splits", {}).get(part, {}).get("sha256") for run in runs]
        others = [name for name, found in zip(names, hashes, strict=True) if None not in (found, hashes[0])
                  and found != hashes[0]]  # fmt: skip
        if others:
            warnings.append(
                f"{', '.join(others)}: {does} on other data than {names[0]} (the hashes in data.json differ)"
            )
    unknown = [name for name, run in zip(names, runs, strict=True) if not run.data]
    places = {tuple((run.config.get("dataset") or {}).get(key) for key in ("name", "root", "val")) for run in runs}
    if unknown and len(places) > 1:
        warnings.append(f"{', '.join(unknown)}: without data.json, and the data sets differ by name or folder: "
                        "whether they are the same is unknown")  # fmt: skip
    return warnings


def compare_metrics(runs: Sequence[Run]) -> list[ComparisonRow]:
    """Return a row for each metric, and one for the best evaluation during training."""
    found = [{e["name"]: e["value"] for part in list_metrics(run) for e in part} for run in runs]
    names = dict.fromkeys(name for numbers in found for name in numbers)
    rows = [ComparisonRow(name, [numbers.get(name) for numbers in found], "metric", +1) for name in names]
    headline = runs[0].metric
    logged = [run.series.get(f"val/{headline}") for run in runs]
    if any(logged):
        values = [float(points[1].max()) if points else None for points in logged]
        rows.append(ComparisonRow(f"best {headline} in training", values, "metric", +1))
    return rows


def compare_classes(runs: Sequence[Run]) -> list[ComparisonRow]:
    """Return a row for each class: its AP or IoU."""
    found: list[dict[str, Any]] = [run.metrics.get(KINDS[str(run.task)].per_class[0]) or {} for run in runs]
    names = dict.fromkeys(name for values in found for name in values)
    return [ComparisonRow(name, [values.get(name) for values in found], "metric", +1) for name in names]


def compare_options(runs: Sequence[Run]) -> list[ComparisonRow]:
    """Return a row for each option that differs; none where training runs stand beside evaluations."""
    if len({run.is_training for run in runs}) > 1:
        return []
    found = [write_options(run.config) for run in runs]
    names = dict.fromkeys(name for options in found for name in options if name not in UNIMPORTANT)
    rows = [ComparisonRow(name, [options.get(name) for options in found]) for name in names]
    return [row for row in rows if len({UNSET if value is None else value for value in row.values}) > 1]
