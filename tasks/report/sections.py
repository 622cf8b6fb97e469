"""What the sections of a report show, each from the files of its run; None or empty where these say nothing of it."""

from pathlib import Path
from typing import Any

from tasks.drawing.images import SUFFIXES
from tasks.report.numbers import NONE, count, metric
from tasks.report.pictures import embed_photo, embed_plot
from tasks.runs.reading import Run
from tasks.task import KINDS

MEANINGS = {
    "mAP": "average precision, mean over the classes and IoU .50 to .95",
    "AP50": "average precision at IoU .50",
    "AP75": "average precision at IoU .75",
    "APs": "of boxes below 32² pixels",
    "APm": "of boxes from 32² to 96² pixels",
    "APl": "of boxes above 96² pixels",
    "AR1": "recall with 1 detection per image",
    "AR10": "recall with 10 detections per image",
    "AR100": "recall with 100 detections per image",
    "ARs": "recall of boxes below 32² pixels",
    "ARm": "recall of boxes from 32² to 96² pixels",
    "ARl": "recall of boxes above 96² pixels",
    "mIoU": "intersection over union, mean over the classes",
    "mIoU_category": "the same over groups of classes",
    "pixel_accuracy": "share of the pixels that are right",
    "class_accuracy": "share of a class's pixels or images that are right, mean over the classes",
    "boundary F1": "how well the outlines agree",
    "IoU": "intersection over union",
    "accuracy": "share of the class's pixels or images that are right",
    "boundary_F1": "how well the outlines of the class agree",
    "share": "of all labelled pixels",
    "boxes": "in the ground truth",
    "images": "in the ground truth",
    "top1": "share of the images whose best class is right",
    "top5": "share of the images whose class is among the best five",
    "macro_AP": "average precision, mean over the classes",
    "macro_F1": "F1, mean over the classes",
    "micro_F1": "F1 of all labels together",
    "calibration_error": "mean distance between a score and how often it is right",
    "AP": "average precision, of boxes mean over IoU .50 to .95",
    "threshold": "the recommended lowest score, by best F1 unless another rule was given",
    "precision": "share of the detections or images from the threshold on that are right",
    "recall": "share of the boxes or images that are found from the threshold on",
    "F1": "harmonic mean of precision and recall",
}
ERRORS = {
    "classification": "right place, wrong class",
    "localisation": "right class, IoU too low",
    "both": "wrong class and IoU too low",
    "duplicate": "an object that was found already",
    "background": "nothing is there",
    "missed": "an object without a detection",
}
MOST_PICTURES = 24  # of each gallery


def list_metrics(run: Run) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the metrics that stand at the top, and the others: name, value, meaning."""
    numbers = {k: v for k, v in run.metrics.items() if v is None or isinstance(v, int | float)}
    boundary = run.analysis.get("boundary") or {}
    if "F1" in boundary:
        numbers["boundary F1"] = boundary["F1"]
    entries = [{"name": name, "value": value, "meaning": MEANINGS.get(name, "")} for name, value in numbers.items()]
    big = KINDS[run.task].big if run.task else ()
    return [e for e in entries if e["name"] in big], [e for e in entries if e["name"] not in big]


def tabulate_classes(run: Run) -> dict[str, Any] | None:
    """Return the table of classes: of analysis.json, else what metrics.json says of each class."""
    per_class: dict[str, dict[str, Any]] = run.analysis.get("per_class") or {}
    if not per_class and run.task:
        key, name = KINDS[run.task].per_class
        per_class = {label: {name: value} for label, value in (run.metrics.get(key) or {}).items()}
    if not per_class:
        return None
    columns = list(dict.fromkeys(column for values in per_class.values() for column in values))
    return {
        "columns": [{"name": name, "meaning": MEANINGS.get(name, "")} for name in columns],
        "rows": [(label, [class_cell(values.get(column), column) for column in columns])
                 for label, values in per_class.items()],
    }  # fmt: skip


def class_cell(value: float | None, column: str) -> dict[str, Any]:
    """Return a cell: its text, its value for sorting, and the share of it that a bar fills."""
    if value is None:
        return {"text": NONE, "value": None, "bar": None}
    if isinstance(value, int) and column in ("boxes", "images"):
        return {"text": count(value), "value": value, "bar": None}
    if column == "share":
        return {"text": f"{100 * value:.1f} %", "value": value, "bar": value}
    return {"text": metric(value), "value": value, "bar": None if column == "threshold" else value}


def list_errors(run: Run) -> list[dict[str, Any]]:
    """Return the kinds of error: how many at the thresholds, how many in all, what AP50 would gain without them."""
    errors = run.analysis.get("errors") or {}
    rows = [
        {
            "name": name,
            "meaning": ERRORS.get(name, ""),
            "count": entry.get("count_at_threshold", entry.get("count")),
            "all": entry.get("count"),
            "gain": entry.get("dAP50"),
        }
        for name, entry in errors.items()
    ]
    for key in ("count", "gain"):
        most = max([row[key] or 0 for row in rows], default=0)
        for row in rows:
            row[f"{key}_share"] = max(0, row[key] or 0) / most if most else 0
    return rows


def list_worst(run: Run) -> list[dict[str, Any]]:
    """Return the worst images: picture, name, what is wrong."""
    entries = [
        entry
        for entry in run.analysis.get("worst") or []
        if is_inside(run.folder, run.folder / str(entry.get("picture")))
    ]
    return [
        {
            "source": embed_photo(run.folder / entry["picture"]),
            "name": entry.get("image", ""),
            "why": entry.get("why", ""),
        }
        for entry in entries[:MOST_PICTURES]
    ]


def is_inside(folder: Path, path: Path) -> bool:
    """Tell whether a file is in the run's folder, behind all links, so that a page shows nothing else."""
    path = path.resolve()
    return path.is_file() and path.is_relative_to(folder.resolve())


def list_samples(run: Run) -> list[dict[str, Any]]:
    """Return the drawn samples: picture and name."""
    found = [
        path for path in (run.folder / "samples").glob("*") if path.suffix in SUFFIXES and is_inside(run.folder, path)
    ]
    paths = sorted(found, key=lambda path: (len(path.stem), path.stem))
    return [{"source": embed_photo(path), "name": path.stem, "why": ""} for path in paths[:MOST_PICTURES]]


def list_plots(run: Run, *, drawn: set[str]) -> list[dict[str, Any]]:
    """Return the plots in the folder but for those whose content the page shows itself."""
    paths = sorted(path for path in run.folder.glob("*.png") if path.stem not in drawn and is_inside(run.folder, path))
    return [{"source": embed_plot(path), "title": path.stem.replace("_", " ").capitalize()} for path in paths]
