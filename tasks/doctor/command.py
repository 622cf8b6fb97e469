"""Look at a data set as training would, print what was found, and write report.json and the pictures."""

import logging
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from rich.console import Console

from data.errors import InputError
from tasks.cli.entry import check_new
from tasks.cli.options import check_type, parse_size, to_plain
from tasks.doctor.images import ImageFacts, summarize_images
from tasks.doctor.pictures import draw_pictures
from tasks.doctor.report import Diagnosis, print_report
from tasks.doctor.survey import Survey, look
from tasks.examination.examined import Examined
from tasks.files import write_json
from tasks.loaders import DETECTION, check_dataset, find_task, parse_dataset

logger = logging.getLogger(__name__)

SYNTHETIC = "synthetic"  # is drawn where it is not there
WIDTH = 120  # characters of a report that goes to a file
REPORT = "report.json"


def diagnose(cfg: DictConfig) -> Diagnosis:
    """Look at the splits of cfg.dataset, print a report and write cfg.out.

    Raises:
        InputError: if an option is wrong; what is wrong with the data is in the report.
    """
    config, out = read_options(cfg)
    survey = look(config)
    diagnosis = summarize(config, survey)
    out.mkdir(parents=True, exist_ok=True)
    if survey.readers:
        draw_pictures(out, survey.readers, config, examined=survey.examined, pairs=survey.pairs)
    write_json(out / REPORT, diagnosis.to_dict())
    print_report(diagnosis, make_console())
    logger.info("written to %s: %s", out, ", ".join(sorted(path.name for path in out.iterdir())))
    return diagnosis


def make_console() -> Console:
    """Return where the report goes: text as it is, without styles and wide enough where that is no terminal."""
    plain = Console(markup=False, emoji=False, highlight=False)
    return plain if plain.is_terminal else Console(markup=False, emoji=False, highlight=False, width=WIDTH)


def read_options(cfg: DictConfig) -> tuple[dict[str, Any], Path]:
    """Return the configuration as plain values, and the folder to write to.

    Raises:
        InputError: naming the option that is wrong.
    """
    check_dataset(cfg.dataset.name, cfg.model.head)
    config = to_plain(cfg)
    check_type(config["decode"], bool, "decode")
    parse_size(config["size"], "size")
    dataset = parse_dataset(config["dataset"])
    if dataset.name != SYNTHETIC and not Path(dataset.root).expanduser().exists():
        raise InputError(f"dataset.root: {dataset.root}: not there; expected the {dataset.name} data set")
    out = Path(str(config["out"]))
    check_new(out)
    return config, out


def summarize(config: dict[str, Any], survey: Survey) -> Diagnosis:
    """Return what was seen as plain values."""
    names = config["dataset"]
    splits = {
        role: describe_split(names[role], reader, survey.facts[role], survey.examined[role])
        for role, reader in survey.readers.items()
    }
    pairs = [{**pair._asdict(), "paths": [str(path) for path in pair.paths]} for pair in survey.pairs]
    return Diagnosis(describe_dataset(config, survey.readers), splits, pairs, survey.findings)


def describe_dataset(config: dict[str, Any], readers: dict[str, Any]) -> dict[str, Any]:
    """Return what was looked at, as plain values."""
    task = find_task(config["model"]["head"])
    return {
        "name": config["dataset"]["name"],
        "root": str(config["dataset"]["root"]),
        "task": task.kind,
        "size": list(parse_size(config["size"], "size")) if task is DETECTION else None,
        "classes": list(next(iter(readers.values())).classes.names) if readers else None,
    }


def describe_split(name: str, reader: Any, facts: list[ImageFacts], examined: Examined) -> dict[str, Any]:
    """Return what was measured of a split, as plain values."""
    counts = examined.counts
    columns = (reader.classes.names, counts.images.tolist(), counts.amounts.tolist(), counts.shares.tolist())
    return {
        "name": str(name),
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
