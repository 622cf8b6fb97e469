"""The page's own way from a label map to the image's pixels, against that of `tasks.segmentation.exported`."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tasks.export.facts import list_facts
from tasks.formats.ports import Port
from tasks.formats.settings import GraphSettings
from tasks.formats.table import FORMATS
from tasks.segmentation.exported import ExportedSegmenter
from tests.support.pictured_models import CLASSES
from tests.support.runs import describe, small_run

pytestmark = pytest.mark.slow  # an export for each

SIZE = (64, 96)
SCRIPT = """async ([labels, dims, width, height, contract]) => {
    const { spreadLabels } = await import("/decoding.js");
    const found = spreadLabels({ data: Uint8Array.from(labels), dims }, { width, height }, contract);
    return [[...found.labels], found.pixels];
}"""


def draw_map(height: int, width: int) -> np.ndarray:
    """Return a label map (1, H, W) of a few large patches."""
    patches = np.random.default_rng(0).integers(0, 3, (1, height // 2 + 1, width // 2 + 1), dtype=np.uint8)
    return patches.repeat(2, axis=1).repeat(2, axis=2)[:, :height, :width]


class Given:
    """A session that gives one label map."""

    def __init__(self, labels: np.ndarray) -> None:
        self.labels = labels
        self.input = Port("images", (1, *SIZE, 3), "uint8")
        self.outputs = (Port("labels", labels.shape, "uint8"),)

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
        return {"labels": self.labels}


@pytest.mark.parametrize("task", ["lraspp", "lraspp_torchvision"])  # corners aligned, and not
@pytest.mark.parametrize(
    ("argmax", "image", "least"),
    [
        ("full", SIZE, 1.0),
        ("full", (128, 200), 0.998),
        ("full", (40, 50), 0.998),
        ("low", SIZE, 0.998),
        ("low", (128, 200), 0.97),  # here it is enlarged at once, there in two steps
    ],
)
def test_a_label_map_is_spread_over_the_image(
    scripts: Any, tmp_path: Path, task: str, argmax: Any, image: tuple[int, int], least: float
) -> None:
    settings = GraphSettings(size=SIZE, argmax=argmax)
    description = describe(small_run(task, tmp_path), CLASSES)
    labels = draw_map(*SIZE) if argmax == "full" else draw_map(5, 7)
    facts = list_facts(description, settings, checkpoint={}, kind=FORMATS["onnx"])
    contract = {**facts, "graph": {"argmax": argmax}}
    found, pixels = scripts.evaluate(SCRIPT, [labels.ravel().tolist(), list(labels.shape), *image[::-1], contract])
    segmenter = ExportedSegmenter(description, settings, Given(labels))
    (expected,) = segmenter(torch.zeros(1, 3, *SIZE, dtype=torch.uint8), size=image)
    assert len(expected.unique()) == 3
    assert (np.reshape(found, image) == expected.numpy()).mean() >= least
    assert pixels == np.bincount(found, minlength=3).tolist()


def test_places_without_a_detection_are_left_out_and_boxes_are_in_pixels_of_the_image(scripts: Any) -> None:
    boxes, scores, labels = [[1, 2, 3, 4], [10, 20, 30, 40], [0, 0, 0, 0]], [0.9, 0.5, 0], [1, 0, -1]
    script = """async ([boxes, scores, labels]) => {
        const { scaleBoxes } = await import("/decoding.js");
        const outputs = { boxes: Float32Array.from(boxes.flat()), scores, labels };
        for (const name in outputs) outputs[name] = { data: outputs[name] };
        return scaleBoxes(outputs, { width: 200, height: 30 }, { width: 100, height: 60 }).detections;
    }"""
    found = scripts.evaluate(script, [boxes, scores, labels])
    assert found == [
        {"label": 1, "score": 0.9, "box": [2, 1, 6, 2]},
        {"label": 0, "score": 0.5, "box": [20, 10, 60, 20]},
    ]
