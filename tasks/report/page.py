"""A run's folder as one HTML page that needs nothing else: no request, no file beside it."""

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from data.errors import InputError
from data.escapes import escape_invisible
from tasks.files import write_text
from tasks.report.curves import draw_thresholds, draw_training
from tasks.report.defaults import list_options
from tasks.report.numbers import FILTERS
from tasks.report.sections import (
    list_errors,
    list_metrics,
    list_plots,
    list_samples,
    list_worst,
    tabulate_classes,
)
from tasks.runs.reading import Run, read_run

REPORT = "report.html"
SCRIPT = "sort.js"


def write_page(folder: Path) -> Path:
    """Write report.html from what else is in a run's folder.

    Returns:
        Its path.

    Raises:
        InputError: if a file in the folder cannot be read.
    """
    try:
        return render("report.html.j2", folder / REPORT, **describe(read_run(folder)))
    except jinja2.UndefinedError as error:
        raise InputError(f"{folder}: a file of the run lacks what its page shows: {error}") from error


def describe(run: Run) -> dict[str, Any]:
    """Return what the template of the report shows."""
    big, others = list_metrics(run)
    charts, thresholds = draw_training(run), draw_thresholds(run.analysis)
    errors = list_errors(run)
    classes = tabulate_classes(run)
    parts = {"curves": charts, "f1": thresholds, "errors": errors, "iou": classes, "boundary": classes}
    drawn = {plot for plot, part in parts.items() if part}
    options = list_options(run.config)
    return {
        "run": run,
        "big": big,
        "others": others,
        "charts": charts,
        "classes": classes,
        "thresholds": thresholds,
        "errors": errors,
        "empty_images": run.analysis.get("empty_images"),
        "plots": list_plots(run, drawn=drawn),
        "worst": list_worst(run),
        "samples": list_samples(run),
        "options": options,
        "changed": [option for option in options if option["changed"]],
    }


def render(template: str, path: Path, **values: Any) -> Path:
    """Write a page, whole or not at all; everything that is not a template's own text is escaped."""
    environment = load_templates()
    script = environment.loader.get_source(environment, SCRIPT)[0]  # type: ignore[union-attr]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = environment.get_template(template).render(**values, script=script, script_digest=digest)
    write_text(path, page)
    return path


def show(value: object) -> object:
    """Return a value as a page shows it: of a text, what is invisible or turns the text around it is escaped."""
    return value if isinstance(value, Markup) or not isinstance(value, str) else escape_invisible(value)


@cache
def load_templates() -> jinja2.Environment:
    """Return the templates beside this file; what they are not given is an error."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tasks.report"),
        autoescape=True,
        finalize=show,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= FILTERS
    return environment
