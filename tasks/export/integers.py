"""An INT8 file of a checkpoint: what it is judged by, and how many layers stay in float for it to hold."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from data.batches import stack_images
from data.errors import InputError
from tasks.export.config import ExportConfig
from tasks.export.parity import split
from tasks.export.quantization import Bounds, Quantized, Trial, search
from tasks.export.sensitivity import Layer, measure_layers
from tasks.export.subject import Subject
from tasks.formats.contract import Contract
from tasks.formats.conversion import Conversion, Quantization
from tasks.formats.graph import Graph
from tasks.formats.running import write_input
from tasks.formats.settings import GraphSettings
from tasks.formats.table import Format
from tasks.formats.trained_rounding import is_rounded
from tasks.inference.loading import load
from tasks.inference.scoring import score
from tasks.profiling.latency import measure_latency, summarize

if TYPE_CHECKING:
    from tasks.parts import Reader

logger = logging.getLogger(__name__)

WARMUP, REPEATS = 5, 20  # runs of a file whose latency is bounded


@dataclass(frozen=True)
class Judge:
    """What INT8 files are judged by.

    Attributes:
        reader: of the images that the metric is measured on.
        before: the checkpoint's metric, 0 to 1.
        layers: of the network, the one that suffers most from integers first.
        calibration: images (*size, 3) uint8 that ranges are read from.
    """

    reader: "Reader"
    before: float
    layers: list[Layer]
    calibration: list[np.ndarray]


def prepare_judge(config: ExportConfig, subject: Subject) -> Judge:
    """Measure the checkpoint, and how much each of its layers suffers.

    Raises:
        InputError: if there is no data set to measure on.
    """
    if subject.reader is None or subject.train is None:
        raise InputError("precision=int8: needs the data set, for calibration and metric; leave source out")
    calibration = subject.calibrate(subject.train, count=config.calibration.images, seed=config.calibration.seed)
    before = score(subject.model, subject.reader, workers=subject.workers, timeout=subject.timeout)
    logger.info("the checkpoint: %s %.4f on %d images", subject.metric, before, len(subject.reader))
    raw = GraphSettings(size=subject.size, **dict(subject.task.raw_output))  # type: ignore[arg-type]
    layers = measure_layers(subject.build_graph(raw), np.stack(calibration[: config.images]))
    return Judge(subject.reader, before, layers, calibration)


def quantize(
    kind: Format, path: Path, graph: Graph, contract: Contract, *, subject: Subject, config: ExportConfig, judge: Judge
) -> tuple[Quantized, Conversion]:
    """Convert to integers, with as many layers in float as the bounds need.

    Returns:
        What came of it, and the conversion that was settled on.

    Raises:
        InputError: if the bounds cannot be met.
    """
    images = np.stack(judge.calibration)
    inputs = [prepare(batch, graph, subject) for batch in split(images, graph.settings.batch or 1)]
    conversion = Conversion("int8", config.opset, config.deployment_target)

    def convert(exclude: frozenset[str]) -> None:
        nonlocal conversion
        conversion = replace(conversion, quantization=Quantization(inputs, exclude))
        kind.convert(graph, path, conversion)
        contract.describe(kind, path, precision="int8").write(path.parent)

    def time() -> float:
        model = load(path, threads=1)
        latency = measure_latency(model, subject.size, warmup=WARMUP, repeats=REPEATS, threads=1)
        return summarize(latency.steps.sum(axis=1)).median

    trial = Trial(
        convert=convert,
        score=lambda: score(load(path), judge.reader, workers=subject.workers, timeout=subject.timeout),
        time=time if config.max_latency is not None else None,
        list_operators=lambda: kind.code.list_operators(path),
    )
    bounds = Bounds(config.max_drop, config.max_latency)
    found = search(
        trial,
        judge.layers,
        metric=subject.metric,
        before=judge.before,
        bounds=bounds,
        path=path,
        most=0 if is_rounded(graph) else len(judge.layers) // 2,
    )
    return found, conversion


def prepare(images: np.ndarray, graph: Graph, subject: Subject) -> np.ndarray:
    """Turn images (N, *size, 3) uint8, as many as a graph takes at once, into its input."""
    return write_input(stack_images(list(images)), graph.settings, subject.description.preprocessing)
