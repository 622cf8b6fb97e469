"""One export: a checkpoint in one format or several, each in a folder with what explains and proves it."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data.errors import InputError
from data.loading import stack_images
from tasks.cli.folders import check_new
from tasks.export.config import ExportConfig
from tasks.export.facts import list_facts
from tasks.export.provenance import write_provenance
from tasks.export.quantization import Bounds, Quantized, Trial, search
from tasks.export.readme import write_readme
from tasks.export.sensitivity import Layer, measure_layers
from tasks.export.subject import Subject, load_subject
from tasks.files import write_json
from tasks.formats.contract import CONTRACT, Contract, describe_file, hash_file, read_contract
from tasks.formats.conversion import Conversion, Quantization
from tasks.formats.graph import Graph
from tasks.formats.operators import write_operators
from tasks.formats.running import write_input
from tasks.formats.settings import GraphSettings
from tasks.formats.table import Format
from tasks.inference.loading import load
from tasks.inference.scoring import score
from tasks.profiling.latency import measure_latency, summarize
from tasks.targets.check import apply_rules, format_findings, to_dict
from tasks.targets.layers import read_layers
from tasks.targets.network import Network

logger = logging.getLogger(__name__)

OPERATORS = "operators.csv"
TARGETS = "targets.json"
QUANTIZATION = "quantization.json"
WARMUP, REPEATS = 5, 20  # runs of a file whose latency is bounded


def export(config: ExportConfig) -> list[Path]:
    """Export config.checkpoint into config.out.

    Returns:
        The exported files.

    Raises:
        InputError: if the checkpoint or the data cannot be used, a package is missing, or a bound cannot be met.
    """
    check_new(config.out)
    kinds = config.formats
    for kind in kinds:
        kind.code  # noqa: B018  # a package that is missing is said before anything slow
    subject = load_subject(config)
    settings = {kind.name: config.choose_settings(subject.task, kind, size=subject.size) for kind in kinds}
    if config.targets:
        check_targets(config, subject, settings[kinds[0].name])
    judge = prepare_judge(config, subject) if config.precision == "int8" else None
    written = []
    for kind in kinds:
        folder = config.out if isinstance(config.format, str) and config.format != "all" else config.out / kind.name
        folder.mkdir(parents=True, exist_ok=True)
        written.append(export_format(kind, folder, subject, settings=settings[kind.name], config=config, judge=judge))
    return written


def check_targets(config: ExportConfig, subject: Subject, settings: GraphSettings) -> None:
    """Say what the documents of boards have against the network, and write targets.json."""
    network = Network(read_layers(subject.build_graph(settings)), settings, config.precision)
    found = {name: apply_rules(name, network) for name in config.targets}
    for name, findings in found.items():
        logger.info("%s", format_findings(name, findings))
    config.out.mkdir(parents=True, exist_ok=True)
    write_json(config.out / TARGETS, [to_dict(name, findings) for name, findings in found.items()])


@dataclass(frozen=True)
class Judge:
    """What INT8 files are judged by: the layers' sensitivity, and the metric of the checkpoint."""

    layers: list[Layer]
    before: float
    calibration: list[np.ndarray]  # (*size, 3) uint8


def prepare_judge(config: ExportConfig, subject: Subject) -> Judge:
    """Measure the checkpoint and the sensitivity of its layers.

    Raises:
        InputError: if there is no data set to measure on.
    """
    calibration = subject.calibrate(count=config.calibration.images, seed=config.calibration.seed)
    if subject.reader is None:
        raise InputError("precision=int8: needs the data set, for calibration and metric; leave source out")
    before = score(subject.model, subject.reader, workers=subject.workers)
    logger.info("the checkpoint: %s %.4f on %d images", subject.task.metric, before, len(subject.reader))
    raw = GraphSettings(size=subject.size, **dict(subject.task.raw_output))  # type: ignore[arg-type]
    layers = measure_layers(subject.build_graph(raw), np.stack(calibration[: config.images]))
    return Judge(layers, before, calibration)


def export_format(
    kind: Format, folder: Path, subject: Subject, *, settings: GraphSettings, config: ExportConfig, judge: Judge | None
) -> Path:
    """Write one file and what lies beside it.

    Returns:
        The path of the file.
    """
    path, graph = folder / f"model{kind.suffix}", subject.build_graph(settings)
    conversion = Conversion(config.precision, opset=config.opset, deployment_target=config.deployment_target)
    contract = Contract(subject.description, settings, {}, list_file_facts(kind, subject, settings, config))
    if judge is None:
        kind.convert(graph, path, conversion)
        describe(kind, path, contract, config)
    else:
        quantized = quantize(kind, path, subject, graph, contract=contract, config=config, judge=judge)
        write_json(folder / QUANTIZATION, quantized.to_dict())
    write_operators(kind.code.list_operators(path), folder / OPERATORS)
    write_readme(folder, read_contract(folder / CONTRACT), kind, path)
    write_provenance(folder, subject.description, checkpoint=config.checkpoint, sha256=hash_checkpoint(config))
    logger.info("written to %s", path)
    return path


def list_file_facts(kind: Format, subject: Subject, settings: GraphSettings, config: ExportConfig) -> dict[str, object]:
    """Return what model.json says to other programs."""
    checkpoint = {"file": config.checkpoint.name, "sha256": hash_checkpoint(config)}
    return list_facts(subject.description, settings, checkpoint=checkpoint, packages=kind.distributions)


def hash_checkpoint(config: ExportConfig) -> str:
    """Return the SHA-256 of the checkpoint; empty for published weights, which have names."""
    return hash_file(config.checkpoint) if config.checkpoint.is_file() else ""


def describe(kind: Format, path: Path, contract: Contract, config: ExportConfig) -> None:
    """Write the model.json of a file that was just converted."""
    session = kind.code.open_session(path, threads=None)
    file = describe_file(path, kind, precision=config.precision, input=session.input, outputs=session.outputs)
    Contract(contract.description, contract.graph, {path.name: file}, contract.facts).write(path.parent)


def quantize(
    kind: Format,
    path: Path,
    subject: Subject,
    graph: Graph,
    *,
    contract: Contract,
    config: ExportConfig,
    judge: Judge,
) -> Quantized:
    """Convert to integers, with as many layers in float as the bounds need.

    Raises:
        InputError: if the bounds cannot be met.
    """
    if subject.reader is None:
        raise InputError("precision=int8: needs the data set; leave source out")
    reader, inputs = subject.reader, [prepare(image, graph, subject) for image in judge.calibration]

    def convert(exclude: frozenset[str]) -> None:
        conversion = Conversion("int8", config.opset, config.deployment_target, Quantization(inputs, exclude))
        kind.convert(graph, path, conversion)
        describe(kind, path, contract, config)

    def time() -> float:
        model = load(path, threads=1)
        latency = measure_latency(model, subject.size, warmup=WARMUP, repeats=REPEATS, threads=1)
        return summarize(latency.steps.sum(axis=1)).median

    trial = Trial(
        convert=convert,
        score=lambda: score(load(path), reader, workers=subject.workers),
        time=time if config.max_latency is not None else None,
        list_operators=lambda: kind.code.list_operators(path),
    )
    bounds = Bounds(config.max_drop, config.max_latency)
    return search(trial, judge.layers, metric=subject.task.metric, before=judge.before, bounds=bounds, path=path)


def prepare(image: np.ndarray, graph: Graph, subject: Subject) -> np.ndarray:
    """Turn an image (*size, 3) uint8 into an input of a graph."""
    batch = stack_images([image] * (graph.settings.batch or 1))
    return write_input(batch, graph.settings, subject.description.preprocessing)
