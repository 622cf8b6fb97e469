"""One export: a checkpoint in one format or several, each in a folder with what explains and proves it."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from torch import nn

from data.errors import InputError
from tasks.cli.folders import check_new, owning
from tasks.export.config import PAGE_FORMAT, WEB, ExportConfig
from tasks.export.folder import PAGE, export_file
from tasks.export.integers import prepare_judge
from tasks.export.subject import Subject, load_subject
from tasks.export.web.runtime import find_runtime
from tasks.export.web.writing import write_page
from tasks.files import write_json
from tasks.formats.contract import CONTRACT, read_contract
from tasks.formats.settings import GraphSettings, Precision
from tasks.formats.table import FORMATS, Format
from tasks.formats.trained_rounding import is_rounded
from tasks.targets.check import apply_rules, format_findings, to_dict
from tasks.targets.layers import read_layers
from tasks.targets.network import Network
from tasks.task import KINDS

logger = logging.getLogger(__name__)

TARGETS = "targets.json"
DIVERGES = 1  # exit status of an export of which a file does not compute what the checkpoint does


class Order(NamedTuple):
    """One file to export."""

    label: str  # its format, or "web"
    kind: Format
    folder: Path
    settings: GraphSettings
    page: bool  # whether a page that runs it is written beside it


@owning
def export(config: ExportConfig) -> list[Path]:
    """Export config.checkpoint into config.out.

    Returns:
        The exported files.

    Raises:
        InputError: if the checkpoint or the data cannot be used, a package is missing, or a bound cannot be met.
        SystemExit: if a file was written that does not compute what the checkpoint does.
    """
    check_new(config.out)
    for kind in config.formats:
        kind.code  # noqa: B018  # a package that is missing is said before anything slow
    runtime = find_runtime(config.web.runtime) if config.page else None
    subject = load_subject(config)
    check_learnt(subject.model, config.precision)
    orders = list_orders(config, subject)
    if config.targets:
        check_targets(config, subject, orders)
    judge = prepare_judge(config, subject) if config.precision == "int8" else None
    written, diverging = [], []
    for _, kind, folder, settings, page in orders:
        path, parity = export_file(kind, folder, subject, settings=settings, config=config, judge=judge)
        if page and runtime is not None:
            write_page(folder, path, read_contract(folder / CONTRACT), runtime=runtime)
        logger.info("written to %s", path)
        written.append(path)
        if not parity.passed:
            diverging.append(folder / PAGE)
    if diverging:
        logger.error("a file does not compute what the checkpoint does: see %s", ", ".join(map(str, diverging)))
        raise SystemExit(DIVERGES)
    return written


def check_learnt(network: nn.Module, precision: Precision) -> None:
    """Check that what a network learnt by `quantize=int8` is to be written in integers.

    Raises:
        InputError: if it is not.
    """
    if is_rounded(network) and precision != "int8":
        raise InputError(f"precision={precision}: the checkpoint was trained with quantize=int8; expected int8")


def list_orders(config: ExportConfig, subject: Subject) -> list[Order]:
    """Return the files to export; where there are several, each gets a folder of its own.

    Raises:
        InputError: if an option is not for the model's task, or a format cannot hold what it asks for.
    """
    chosen = [(kind, kind.name, False) for kind in config.formats if config.wants(kind.name)]
    if config.page:
        chosen.append((FORMATS[PAGE_FORMAT], WEB, True))
    alone = len(chosen) == 1
    return [
        Order(name, kind, config.out if alone else config.out / name, settings, page)
        for kind, name, page in chosen
        for settings in [config.choose_settings(subject.task, kind, size=subject.size)]
    ]


def check_targets(config: ExportConfig, subject: Subject, orders: Sequence[Order]) -> None:
    """Say what the documents of boards have against each network that is exported, and write targets.json."""
    rows = []
    foreign = {option for task in KINDS.values() for option in task.export_options} - {*subject.task.export_options}
    for settings in dict.fromkeys(order.settings for order in orders):
        files = [order.label for order in orders if order.settings == settings]
        network = Network(read_layers(subject.build_graph(settings)), settings, config.precision)
        for name in config.targets:
            findings = apply_rules(name, network, foreign=foreign)
            logger.info("%s: %s", ", ".join(files), format_findings(name, findings))
            rows.append({"files": files} | to_dict(name, findings))
    config.out.mkdir(parents=True, exist_ok=True)
    write_json(config.out / TARGETS, rows)
