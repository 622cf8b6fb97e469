"""Golden vectors hold every stage, as torch computes it, and decoders make of the raw ones what is in the last ones."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tasks.export.facts import list_facts
from tasks.export.golden import complete, write_golden, write_tensors
from tasks.formats.contract import Contract
from tasks.formats.graph import Graph
from tasks.formats.settings import GraphSettings
from tasks.formats.table import FORMATS
from tasks.inference.loading import load_model
from tasks.task import find_task
from tests.support.peers import show_images
from tests.support.teachers import save_checkpoint
from tests.tasks.export.decoding import COMPILERS, RAW, Program

SIZE = (64, 96)
compiled = [pytest.param(language, marks=pytest.mark.slow) for language in COMPILERS]
in_languages = pytest.mark.parametrize("language", ["python", *compiled])


def read_golden(folder: Path) -> dict[str, np.ndarray]:
    """Read golden vectors as golden.json describes them."""
    entries = json.loads((folder / "golden.json").read_text())["tensors"]
    return {
        name: np.fromfile(folder / entry["file"], entry["dtype"]).reshape(entry["shape"])
        for name, entry in entries.items()
    }


def write(task: str, folder: Path) -> tuple[Graph, Contract]:
    """Write the golden vectors of a network of random weights, whose file leaves decoding to others."""
    model = load_model(Path(save_checkpoint(folder, task)))
    settings, parts = GraphSettings(size=SIZE, **RAW[task]), find_task(model.description.arch.head).parts
    graph = parts.build_graph(model, complete(settings))
    write_golden(folder, graph, show_images(SIZE).permute(0, 2, 3, 1)[:1].contiguous().numpy())
    facts = list_facts(model.description, settings, checkpoint={}, kind=FORMATS["onnx"])
    return graph, Contract(model.description, settings, {}, facts)


@pytest.mark.parametrize("task", RAW)
def test_golden_vectors_are_every_stage_of_the_graph(task: str, tmp_path: Path) -> None:
    graph, _ = write(task, tmp_path)
    golden = read_golden(tmp_path / "golden")
    stages = graph.stages(torch.from_numpy(golden.pop("images")))
    assert list(golden) == list(stages)
    for name, values in stages.items():
        np.testing.assert_array_equal(golden[name], values.detach().numpy())


@in_languages
def test_decoded_golden_vectors_of_a_detector_are_its_golden_boxes(language: str, tmp_path: Path) -> None:
    _, contract = write("ssdlite", tmp_path)
    golden = read_golden(tmp_path / "golden")
    found, _ = Program(contract, language, tmp_path).run(golden["class_logits"][0], golden["deltas"][0])
    used = golden["labels"][0] >= 0
    assert used.sum() > 10
    np.testing.assert_array_equal(found["labels"], golden["labels"][0][used])
    np.testing.assert_allclose(found["scores"], golden["scores"][0][used], atol=1e-6)
    np.testing.assert_allclose(found["boxes"], golden["boxes"][0][used], rtol=0, atol=1e-4)


@in_languages
def test_decoded_golden_vectors_of_a_segmenter_are_its_golden_mask(language: str, tmp_path: Path) -> None:
    _, contract = write("lraspp", tmp_path)
    golden = read_golden(tmp_path / "golden")
    found, _ = Program(contract, language, tmp_path).run(golden["logits"][0])
    assert len(np.unique(found["labels"])) > 1
    np.testing.assert_array_equal(found["labels"], golden["labels"][0])


def test_a_stage_of_more_than_16_mib_is_left_out_by_name(tmp_path: Path) -> None:
    write_tensors(tmp_path, {"small": np.arange(3, dtype=">i4"), "large": np.zeros(2**22 + 1, np.float32)})
    index = json.loads((tmp_path / "golden.json").read_text())
    assert index["left_out"] == ["large"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["golden.json", "small.bin"]
    assert (tmp_path / "small.bin").read_bytes() == bytes([0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0])
