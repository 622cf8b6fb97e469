"""From a file to a model in use: what it gives, what is refused, and that none of it needs a trainer."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

from data.errors import InputError
from tasks.detection.detector import Detector
from tasks.detection.module import DetectionModule
from tasks.inference.loading import load
from tasks.models.checkpoint import load_checkpoint, save_safetensors
from tasks.models.network import build_model
from tasks.models.normalization import normalize
from tasks.segmentation.module import SegmentationModule
from tasks.segmentation.segmenter import Segmenter
from tests.support.peers import show_images
from tests.support.teachers import SIZE, save_checkpoint
from tests.support.trained import Trained

TASKS = ("ssdlite", "lraspp")
WITHOUT_TRAINER = """
import sys
from pathlib import Path
import torch
import tasks.inference.loading
from tasks.detection.detector import Detector
from tasks.models.checkpoint import load_checkpoint
from tasks.segmentation.segmenter import Segmenter

for kind, path in zip((Detector, Segmenter), sys.argv[1:]):
    description, weights = load_checkpoint(Path(path))
    model = kind(description).eval()
    model.load_state_dict(weights)
    print(len(model(torch.zeros(2, 3, 64, 96, dtype=torch.uint8))))
print("lightning" in sys.modules)
"""


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a checkpoint of random weights of each task."""
    return {task: Path(save_checkpoint(tmp_path_factory.mktemp(task), task)) for task in TASKS}


def run_network(path: Path, images: Tensor) -> tuple[Tensor, ...]:
    """Run the bare network of a checkpoint, normalised as it says itself."""
    description, weights = load_checkpoint(path)
    network = build_model(description.arch).eval()
    network.load_state_dict(weights)
    raw = network(normalize(images, description.preprocessing))
    return (raw,) if isinstance(raw, Tensor) else raw


@torch.no_grad()
def test_a_detector_is_the_network_of_its_file(checkpoints: dict[str, Path]) -> None:
    detector, images = load(checkpoints["ssdlite"]), show_images(SIZE)
    assert isinstance(detector, Detector)
    assert not detector.training
    for found, expected in zip(detector.raw(images), run_network(checkpoints["ssdlite"], images), strict=True):
        assert (expected[0] - expected[1]).abs().max() > 0.1  # the images differ
        torch.testing.assert_close(found, expected)


@torch.no_grad()
def test_a_segmenter_is_the_network_of_its_file_at_the_size_of_the_images(checkpoints: dict[str, Path]) -> None:
    segmenter, images = load(checkpoints["lraspp"]), show_images((65, 97))  # sides that nothing is added to
    assert isinstance(segmenter, Segmenter)
    assert not segmenter.training
    (logits,) = run_network(checkpoints["lraspp"], images)
    expected = F.interpolate(logits, (65, 97), mode="bilinear", align_corners=True)
    assert (expected[0] - expected[1]).abs().max() > 0.1
    torch.testing.assert_close(segmenter.raw(images), expected)


@torch.no_grad()
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("file", ["checkpoints/best.ckpt", "model.safetensors"])
def test_a_file_of_a_run_gives_what_the_module_gives_that_was_trained(
    task: str, file: str, trained: Callable[[str], Trained]
) -> None:
    folder = trained(task).folder
    model = load(folder / file)
    build, wire = {"ssdlite": (Detector, DetectionModule), "lraspp": (Segmenter, SegmentationModule)}[task]
    module = wire(build(model.description)).eval()
    module.load_state_dict(torch.load(folder / "checkpoints/best.ckpt", weights_only=True)["state_dict"])
    images = show_images(SIZE)
    for found, expected in zip(model(images), module.model(images), strict=True):
        for value, other in zip(found, expected, strict=True):
            assert torch.equal(value, other)


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state.pop("backbone.stem.conv.weight"),
        lambda state: state.update({"backbone.stem.conv.more": torch.zeros(1)}),
        lambda state: state.update({"backbone.stem.conv.weight": torch.zeros(16, 3, 5, 5)}),
    ],
    ids=["missing", "unknown", "of another shape"],
)
@pytest.mark.parametrize("task", TASKS)
def test_weights_that_do_not_fit_are_refused_by_name(
    task: str, change: Callable[[dict[str, Tensor]], object], checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    state = load_file(checkpoints[task])
    change(state)
    save_safetensors(tmp_path / "spoiled.safetensors", load_checkpoint(checkpoints[task])[0], state)
    with pytest.raises(InputError, match=r"(?s)checkpoint: its weights do not fit .*backbone\.stem\.conv"):
        load(tmp_path / "spoiled.safetensors")


@pytest.mark.slow
def test_models_are_used_without_lightning(checkpoints: dict[str, Path]) -> None:
    program = [sys.executable, "-c", WITHOUT_TRAINER, *(str(checkpoints[task]) for task in TASKS)]
    ended = subprocess.run(program, capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["2", "2", "False"]
