"""Look at a data set as training would, print what was found, and write report.json and the pictures."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from data.config import DatasetConfig
from data.errors import InputError
from data.splits import ROLES
from data.storage import is_remote
from tasks.cli.folders import check_new, owning
from tasks.cli.terminal import SafeConsole
from tasks.doctor.config import DoctorConfig
from tasks.doctor.images import ImageFacts, summarize_images
from tasks.doctor.pictures import draw_pictures
from tasks.doctor.report import Diagnosis, print_report
from tasks.doctor.survey import Survey, look
from tasks.examination.examined import Examined
from tasks.files import write_json

if TYPE_CHECKING:
    from tasks.parts import Reader

logger = logging.getLogger(__name__)

SYNTHETIC = "synthetic"  # is drawn where it is not there
WIDTH = 120  # characters of a report that goes to a file
REPORT = "report.json"


@owning
def diagnose(config: DoctorConfig) -> Diagnosis:
    """Look at the splits of config.dataset, print a report and write config.out.

    Raises:
        InputError: if an option is wrong; what is wrong with the data is in the report.
    """
    check_new(config.out)
    check_there(config.dataset)
    survey = look(config)
    diagnosis = summarize(config, survey)
    out = config.out
    out.mkdir(parents=True, exist_ok=True)
    if survey.readers:
        draw_pictures(out, survey, config.recipe.task)
    write_json(out / REPORT, diagnosis.to_dict())
    print_report(diagnosis, make_console())
    logger.info("written to %s: %s", out, ", ".join(sorted(path.name for path in out.glob("[!.]*"))))
    return diagnosis


def make_console() -> Console:
    """Return where the report goes: text as it is, without styles and wide enough where that is no terminal."""
    plain = SafeConsole(markup=False, emoji=False, highlight=False)
    return plain if plain.is_terminal else SafeConsole(markup=False, emoji=False, highlight=False, width=WIDTH)


def check_there(dataset: DatasetConfig) -> None:
    """Check that a data set is there; the synthetic one is drawn.

    Raises:
        InputError: naming its root.
    """
    if dataset.name != SYNTHETIC and not is_remote(dataset.root) and not Path(dataset.root).expanduser().exists():
        raise InputError(f"dataset.root: {dataset.root}: not there; expected the {dataset.name} data set")


def summarize(config: DoctorConfig, survey: Survey) -> Diagnosis:
    """Return what was seen as plain values."""
    readers, facts, examined = survey.readers, survey.facts, survey.examined
    splits: dict[str, dict[str, Any]] = {
        role: describe_split(config.dataset.describe_part(role), readers[role], facts[role], examined[role])
        for role in ROLES
        if role in readers
    }
    pairs = [{**pair._asdict(), "paths": [str(path) for path in pair.paths]} for pair in survey.pairs]
    return Diagnosis(describe_dataset(config, survey), splits, pairs, survey.findings)


def describe_dataset(config: DoctorConfig, survey: Survey) -> dict[str, Any]:
    """Return what was looked at, as plain values."""
    task, size = config.recipe.task, config.recipe.input_size
    description = survey.description
    return {
        "name": config.dataset.name,
        "root": config.dataset.root,
        "task": task.kind,
        "size": list(size) if task.one_size else None,
        "classes": None if description is None else list(description.classes.names),
    }


def describe_split(name: str, reader: "Reader", facts: list[ImageFacts], examined: Examined) -> dict[str, Any]:
    """Return what was measured of a split, as plain values."""
    counts = examined.counts
    columns = (reader.classes.names, counts.images.tolist(), counts.amounts.tolist(), counts.shares.tolist())
    return {
        "name": name,
        "images": summarize_images(facts),
        "labels": {
            "unit": counts.unit,
            "total": int(counts.amounts.sum()),
            "empty": len(counts.empty),
            "classes": {
                name: {"images": images, "count": amount, "share": share}
                for name, images, amount, share in zip(*columns, strict=True)
            },
        },
        **examined.values,
    }
