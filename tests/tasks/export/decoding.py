"""Decoders in a test: what model.json says of a model, the programs made of it, and what they are to find."""

import contextlib
import importlib.util
import io
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import clip_boxes_to_image, nms

from data.classes import ClassTable
from heads.box_coder import decode
from heads.ssdlite import RawDetections
from tasks.detection.exported import find_anchors
from tasks.detection.postprocess import postprocess, read_scores
from tasks.export.decoders import write_decoders
from tasks.export.facts import list_facts
from tasks.export.golden import write_numbers
from tasks.formats.contract import Contract, ExportedFile
from tasks.formats.ports import Port
from tasks.formats.settings import GraphSettings
from tasks.formats.table import FORMATS
from tests.support.starts import describe_run

RAW: dict[str, dict[str, Any]] = {"ssdlite": {"nms": False}, "lraspp": {"argmax": "none"}}  # files that do not decode
NAMES = ["a \"b\" \\ 'c'", "2\nlines\t", "$name ${x} \\(y) {{z}}", "Grün 车 🚗 \u2028", '*/ // ??/ """ #', "0\x007"]
HOSTILE = ClassTable.create(NAMES, range(1, 7))
TYPES = {"boxes": "<f4", "scores": "<f4", "labels": "<i4"}


def make_contract(
    task: str,
    *options: str,
    size: tuple[int, int] = (64, 96),
    classes: ClassTable = HOSTILE,
    files: dict[str, ExportedFile] | None = None,
    postprocessing: dict[str, Any] | None = None,
    thresholds: tuple[float, ...] | None = None,
    **settings: Any,
) -> Contract:
    """Return what model.json says of a file of a small model; `settings` as in GraphSettings."""
    found = describe_run(f"task={task}", "backbone=small", f"size=[{size[0]},{size[1]}]", *options, classes=classes)
    changed = found.postprocessing and replace(found.postprocessing, **(postprocessing or {}))
    description = replace(found, postprocessing=changed, thresholds=thresholds)
    graph = GraphSettings(size=size, **{**RAW[task.split("_")[0]], **settings})
    return Contract(
        description, graph, files or {}, list_facts(description, graph, checkpoint={}, kind=FORMATS["onnx"])
    )


def number_classes(count: int) -> ClassTable:
    return ClassTable.create([f"class {index}" for index in range(count)], range(count))


class Program:
    """A decoder, ready to run; the test is skipped where there is no compiler.

    Args:
        contract: what it is made of.
        language: a key of LANGUAGES.
        folder: that it is built in.
    """

    def __init__(self, contract: Contract, language: str, folder: Path) -> None:
        compiler = COMPILERS.get(language)
        if compiler is not None and shutil.which(compiler) is None:
            pytest.skip(f"no {compiler}")
        write_decoders(contract, folder)
        self.contract, self.folder = contract, folder / "decoders"
        self.decoding = contract.facts["decoding"]
        self.start = LANGUAGES[language](self.folder)

    def run(self, *tensors: np.ndarray, file: str = "") -> tuple[dict[str, np.ndarray], str]:
        """Decode the outputs of an image: results by name, and what was printed."""
        inputs, out = [self.folder / f"{name}.raw" for name in self.decoding["takes"]], self.folder / "out"
        for path, values in zip(inputs, tensors, strict=True):
            write_numbers(path, values)
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        anchors = [self.folder / "anchors.bin"] if "anchors" in self.decoding else []
        said = self.start([*map(str, (*anchors, *inputs, out)), *filter(None, [file])])
        if "cells" in self.decoding:
            return {"labels": np.fromfile(out / "labels.bin", np.uint8).reshape(self.contract.graph.size)}, said
        found = {name: np.fromfile(out / f"{name}.bin", dtype) for name, dtype in TYPES.items()}
        return found | {"boxes": found["boxes"].reshape(-1, 4)}, said


def load_python(folder: Path) -> Callable[[list[str]], str]:
    """Import decode.py."""
    spec = importlib.util.spec_from_file_location("decode", folder / "decode.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def start(words: list[str]) -> str:
        with contextlib.redirect_stdout(io.StringIO()) as said:
            module.main(*words)
        return said.getvalue()

    return start


def build_cpp(folder: Path) -> Callable[[list[str]], str]:
    """Compile with every warning an error."""
    warnings = ("-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror")
    run(["g++", "-std=c++17", "-O2", *warnings, "main.cpp", "-o", "decode"], folder)
    return lambda words: run([str(folder / "decode"), *words], folder)


def build_kotlin(folder: Path) -> Callable[[list[str]], str]:
    run(["kotlinc", "Decode.kt", "Main.kt", "-include-runtime", "-d", "decode.jar"], folder)
    return lambda words: run(["java", "-jar", "decode.jar", *words], folder)


def run(words: list[str], folder: Path) -> str:
    ended = subprocess.run(words, cwd=folder, capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr.decode()
    return ended.stdout.decode()


COMPILERS = {"cpp": "g++", "kotlin": "kotlinc"}
LANGUAGES = {"python": load_python, "cpp": build_cpp, "kotlin": build_kotlin}


def draw_raw(contract: Contract, *, seed: int = 0, bias: float = 0.0, steps: int | None = None) -> list[np.ndarray]:
    """Draw logits (A, 1 + K), the classes moved by `bias`, to whole `steps`th parts, and deltas (A, 4)."""
    generator = np.random.default_rng(seed)
    a, k = len(contract.facts["decoding"]["anchors"]), len(contract.facts["classes"])
    logits = generator.normal(0, 2, (a, 1 + k))
    logits[:, 1:] += bias
    if steps is not None:
        logits = np.rint(logits * steps) / steps
    return [logits.astype(np.float32), generator.normal(0, 1, (a, 4)).astype(np.float32)]


def draw_cells(contract: Contract, *, seed: int = 0) -> np.ndarray:
    """Draw logits (K, h, w), smooth enough that classes cover several cells."""
    cells, generator = contract.facts["decoding"]["cells"], torch.Generator().manual_seed(seed)
    rough = torch.randn(1, len(contract.facts["classes"]), 5, 7, generator=generator) * 3
    return F.interpolate(rough, tuple(cells), mode="bicubic")[0].numpy()


def find_boxes(contract: Contract, logits: np.ndarray, deltas: np.ndarray) -> dict[str, np.ndarray]:
    """Return what the model itself makes of raw predictions."""
    description, size = contract.description, contract.graph.size
    assert description.postprocessing is not None
    raw = RawDetections(torch.from_numpy(logits)[None], torch.from_numpy(deltas)[None])
    (found,) = postprocess(
        raw,
        find_anchors(description, size),
        size=size,
        scores=description.arch.scores,
        settings=description.postprocessing,
    )
    return {name: values.numpy() for name, values in found._asdict().items()}


def find_boxes_stably(contract: Contract, logits: np.ndarray, deltas: np.ndarray) -> dict[str, np.ndarray]:
    """Return what torchvision's NMS keeps, class by class; of equal scores it takes the first anchor."""
    description, settings = contract.description, contract.description.postprocessing
    assert settings is not None
    boxes = clip_boxes_to_image(
        decode(torch.from_numpy(deltas), find_anchors(description, contract.graph.size)), contract.graph.size
    )
    scores = read_scores(torch.from_numpy(logits)[None], description.arch.scores)[0]  # (A, K)
    kept = torch.zeros_like(scores, dtype=torch.bool)
    for label, own in enumerate(scores.T):
        chosen = (own > settings.score_threshold).nonzero().squeeze(1)
        kept[chosen[nms(boxes[chosen].double(), own[chosen].double(), settings.iou_threshold)], label] = True
    anchors, labels = kept.nonzero(as_tuple=True)
    order = scores[kept].sort(descending=True, stable=True).indices[: settings.max_detections]
    found = {"boxes": boxes[anchors], "scores": scores[kept], "labels": labels}
    return {name: values[order].numpy() for name, values in found.items()}


def enlarge(contract: Contract, cells: np.ndarray) -> Tensor:
    """Return what torch makes of values (K, h, w) of cells: (K, H, W)."""
    decoding, (height, width) = contract.facts["decoding"], contract.graph.size
    padded, aligned = tuple(decoding["padded_size"]), decoding["align_corners"]
    values = torch.from_numpy(cells)[None]
    return F.interpolate(values, padded, mode="bilinear", align_corners=aligned)[0, :, :height, :width]


def assert_same_boxes(
    found: dict[str, np.ndarray], expected: dict[str, np.ndarray], *, tolerance: float = 1e-4
) -> None:
    """Compare boxes, best first; those of scores that differ by less than 1e-6 may stand in any order."""
    assert len(found["scores"]) == len(expected["scores"])
    np.testing.assert_allclose(found["scores"], expected["scores"], atol=1e-6)
    group = np.cumsum(-np.diff(expected["scores"], prepend=2) > 1e-6)
    first, second = (np.lexsort((each["boxes"][:, 0].round(3), each["labels"], group)) for each in (found, expected))
    np.testing.assert_array_equal(found["labels"][first], expected["labels"][second])
    np.testing.assert_allclose(found["boxes"][first], expected["boxes"][second], rtol=0, atol=tolerance)


def assert_same_mask(found: np.ndarray, enlarged: Tensor) -> None:
    """Compare a mask with the best class of values (K, H, W), but where the two best are as good as equal."""
    best = enlarged.topk(min(2, len(enlarged)), dim=0).values
    sure = (best[0] - best[-1] > 1e-5 * enlarged.abs().max()).numpy() | (len(enlarged) == 1)
    assert sure.mean() > 0.5
    np.testing.assert_array_equal(found[sure], enlarged.argmax(0).numpy()[sure])


def describe_integers(contract: Contract, values: list[np.ndarray], *dtypes: str) -> ExportedFile:
    """Describe a file that gives values like these as integers."""
    ports = []
    for output, own, dtype in zip(contract.facts["decoding"]["takes"], values, dtypes, strict=False):
        scale = float((own.max() - own.min()) / 255)
        zero = int(np.iinfo(dtype).min - np.rint(own.min() / scale))
        ports.append(Port(output, (1, *own.shape), dtype, scale, zero))
    return ExportedFile("litert", "int8", 0, {}, Port("images", (1, *contract.graph.size, 3), "uint8"), tuple(ports))
