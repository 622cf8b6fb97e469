"""The folder of one exported file: the file, what explains it, and how it compares with the checkpoint."""

import logging
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from tasks.export.config import ExportConfig
from tasks.export.decoders import write_decoders
from tasks.export.entry import compare_entry, read_entry
from tasks.export.facts import list_facts
from tasks.export.golden import complete, write_golden
from tasks.export.integers import Judge, prepare, quantize
from tasks.export.parity import Parity, compare_stages, split
from tasks.export.parity_page import write_parity_page, write_table
from tasks.export.provenance import find_origin, write_provenance
from tasks.export.readme import write_readme
from tasks.export.subject import Subject
from tasks.files import sync_all, write_json
from tasks.formats.contract import Contract
from tasks.formats.conversion import Conversion
from tasks.formats.graph import Graph, give_all
from tasks.formats.operators import write_operators
from tasks.formats.settings import GraphSettings
from tasks.formats.table import Format
from tasks.models.architecture import name_network

logger = logging.getLogger(__name__)

OPERATORS = "operators.csv"
PARITY, PAGE = "parity.json", "parity.html"
QUANTIZATION = "quantization.json"


def export_file(
    kind: Format, folder: Path, subject: Subject, *, settings: GraphSettings, config: ExportConfig, judge: Judge | None
) -> tuple[Path, Parity]:
    """Write one file and all that lies beside it.

    Args:
        kind: its format.
        folder: new or empty.
        subject: what is exported.
        settings: what goes into the file.
        config: of the export.
        judge: of INT8; None for other precisions.

    Returns:
        The path of the file, and how it compares with the checkpoint.

    Raises:
        InputError: if the format cannot hold the model, or INT8 does not keep within its bounds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path, graph = folder / f"model{kind.suffix}", subject.build_graph(settings)
    origin = find_origin(config.checkpoint)
    facts = list_facts(subject.description, settings, checkpoint=origin._asdict(), kind=kind)
    contract = Contract(subject.description, settings, {}, facts)
    if judge is None:
        conversion = Conversion(config.precision, config.opset, config.deployment_target)
        kind.convert(graph, path, conversion)
    else:
        quantized, conversion = quantize(kind, path, graph, contract, subject=subject, config=config, judge=judge)
        write_json(folder / QUANTIZATION, quantized.to_dict())
    contract = contract.describe(kind, path, precision=config.precision)
    sync_all(folder)
    contract.write(folder)
    write_operators(kind.code.list_operators(path), folder / OPERATORS)
    write_beside(folder, contract, subject, kind=kind, path=path)
    write_provenance(folder, subject.description, checkpoint=config.checkpoint, origin=origin)
    parity = prove(folder, graph, subject, kind=kind, conversion=conversion, contract=contract)
    return path, parity


def write_beside(folder: Path, contract: Contract, subject: Subject, *, kind: Format, path: Path) -> None:
    """Write README.md, golden/ and, where the file leaves that to whoever runs it, decoders/."""
    write_readme(folder, contract, kind, path)
    whole = subject.build_graph(complete(contract.graph))
    images = np.stack([subject.resize(photo) for photo in subject.photos])
    write_golden(folder, whole, prepare(next(split(images, whole.settings.batch or 1)), whole, subject))
    write_decoders(contract, folder)


def prove(
    folder: Path, graph: Graph, subject: Subject, *, kind: Format, conversion: Conversion, contract: Contract
) -> Parity:
    """Compare a file of all stages, converted as the one that is passed on, with the checkpoint; write the report."""
    whole, images = give_all(graph), np.stack([subject.resize(photo) for photo in subject.photos])
    with TemporaryDirectory() as temporary:
        path = Path(temporary) / f"stages{kind.suffix}"
        kind.convert(whole, path, conversion)
        parity = compare_stages(graph, kind.open_check(path), images, precision=conversion.precision)
    entry = compare_entry(
        subject.description.preprocessing, read_entry(contract.facts["preprocessing"]), subject.photos
    )
    parity = replace(parity, stages=(*entry, *parity.stages))
    write_json(folder / PARITY, parity.to_dict())
    arch = subject.description.arch
    title = f"{name_network(arch.head, arch.backbone)}, {kind.title}, {conversion.precision}"
    write_parity_page(parity, folder / PAGE, title=title)
    logger.info("%s", write_table(parity))
    return parity
