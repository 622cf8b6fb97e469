"""Models loaded from published layouts give what their own code gives, on a drawn scene and a photograph."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision.models import mobilenet_v3_large, mobilenet_v3_small

from data.samples import DetectionSample
from tasks.detection.detector import scale_to
from tasks.detection.postprocess import Detections
from tasks.inference.loading import load
from tasks.loaders import build_eval_loader
from tasks.models.architecture import Arch
from tasks.models.network import build_model
from tasks.models.normalization import normalize
from tasks.models.pretrained.identification import Weights
from tasks.models.pretrained.loading import read_weights
from tests.support.dli14 import DLi14
from tests.support.listed import Listed
from tests.support.peers import build_lraspp, build_ssdlite, build_timm, load_photograph, show_images, vary

TOLERANCE = 1e-4  # of the largest value
ARCH = Arch("ssdlite", "small", 6)  # what the weights are asked for does not matter here


def assert_close(found: Tensor, expected: Tensor) -> None:
    assert found.shape == expected.shape
    assert (found - expected).abs().max() <= TOLERANCE * expected.abs().max()


def assert_varied(logits: Tensor) -> None:
    """Check that the outputs of two images differ, so that comparing them shows something."""
    assert (logits[0] - logits[1]).abs().max() > 0.1 * logits.abs().max()


def classify(weights: Weights, images: Tensor) -> Tensor:
    """Run the classifier that weights hold on images (N, 3, H, W) uint8."""
    model = build_model(weights.arch)
    model.load_state_dict(weights.tensors)
    with torch.no_grad():
        logits = model.eval()(normalize(images, weights.preprocessing))
    assert isinstance(logits, Tensor)
    return logits


@torch.no_grad()
def compare_classifier(peer: nn.Module, path: Path, *, mean: Tensor, std: Tensor, size: tuple[int, int]) -> Weights:
    """Save a classifier, load it through `read_weights` and compare the logits."""
    images = show_images(size)
    expected = peer((images / 255 - mean.reshape(3, 1, 1)) / std.reshape(3, 1, 1))
    assert_varied(expected)
    if path.suffix == ".safetensors":
        save_file(dict(sorted(peer.state_dict().items())), path)
    else:
        torch.save({"model": {f"module.{name}": value for name, value in peer.state_dict().items()}}, path)
    weights = read_weights(str(path), ARCH)
    assert_close(classify(weights, images), expected)
    return weights


IMAGENET = {"mean": torch.tensor([0.485, 0.456, 0.406]), "std": torch.tensor([0.229, 0.224, 0.225])}
HALF = {"mean": torch.full((3,), 0.5), "std": torch.full((3,), 0.5)}


@pytest.mark.parametrize(("name", "build"), [("large", mobilenet_v3_large), ("small", mobilenet_v3_small)])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_torchvisions_classifiers_are_reproduced(name: str, build: type, suffix: str, tmp_path: Path) -> None:
    weights = compare_classifier(vary(build()), tmp_path / f"a{suffix}", size=(96, 128), **IMAGENET)
    assert (weights.arch.backbone, weights.arch.bn_eps) == (name, 1e-3)


@pytest.mark.parametrize(
    ("model", "backbone", "width"), [("mobilenetv3_large_100", "large", 1.0), ("mobilenetv3_small_075", "small", 0.75)]
)
def test_timms_classifiers_are_reproduced(model: str, backbone: str, width: float, tmp_path: Path) -> None:
    weights = compare_classifier(build_timm(model), tmp_path / f"{model}.safetensors", size=(97, 128), **IMAGENET)
    assert (weights.arch.backbone, weights.arch.width, weights.arch.bn_eps) == (backbone, width, 1e-5)


@pytest.mark.parametrize("size", [(96, 128), (97, 129)])
@pytest.mark.parametrize("model", ["tf_mobilenetv3_large_100", "tf_mobilenetv3_large_minimal_100"])
def test_tensorflows_classifiers_are_reproduced_with_same_padding(
    model: str, size: tuple[int, int], tmp_path: Path
) -> None:
    weights = compare_classifier(build_timm(model), tmp_path / f"{model}.pth", size=size, **HALF)
    assert (weights.arch.padding, weights.arch.bn_eps) == ("same", 1e-3)
    assert weights.arch.minimalistic == ("minimal" in model)


@pytest.mark.parametrize("name", ["large", "small"])
def test_dli14s_classifiers_are_reproduced(name: str, tmp_path: Path) -> None:
    weights = compare_classifier(vary(DLi14(name)), tmp_path / "a.pth", size=(96, 128), **IMAGENET)
    assert (weights.arch.backbone, weights.arch.se) == (name, "before_act")


def find_in(expected: dict[str, Tensor], found: Detections, *, pixels: float) -> Tensor:
    """Tell which of a peer's detections were found: the same label, the box to some pixels, the score to 1e-3."""
    labels = expected["labels"][:, None] == found.labels + 1
    boxes = (expected["boxes"][:, None] - found.boxes).abs().amax(-1) < pixels
    scores = (expected["scores"][:, None] - found.scores).abs() < 1e-3
    return (labels & boxes & scores).any(dim=1)


@torch.no_grad()
def test_torchvisions_detector_is_reproduced_after_nms(tmp_path: Path) -> None:
    peer, images = build_ssdlite(), show_images((320, 320))
    torch.save(peer.state_dict(), tmp_path / "ssdlite.pth")
    detector = load(tmp_path / "ssdlite.pth")
    for found, expected in zip(detector(images), peer(list(images / 255)), strict=True):
        assert len(expected["scores"]) > 50
        assert find_in(expected, found, pixels=0.01).float().mean() > 0.99  # rounding may turn a tie in suppression


@torch.no_grad()
def test_torchvisions_detector_is_reproduced_on_a_photograph_of_any_size(tmp_path: Path) -> None:
    peer, photograph = build_ssdlite(), load_photograph()
    torch.save(peer.state_dict(), tmp_path / "ssdlite.pth")
    detector = load(tmp_path / "ssdlite.pth")
    none = np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, bool)
    reader = Listed([DetectionSample(photograph, *none, 1)])
    (batch,) = build_eval_loader(reader, detector.description, batch_size=1, workers=0)
    (found,) = detector(batch.images)
    scale = torch.tensor(scale_to(photograph.shape[:2], (320, 320)) * 2)
    (expected,) = peer([torch.from_numpy(photograph).permute(2, 0, 1) / 255])
    assert len(expected["scores"]) > 50
    assert find_in(expected, found._replace(boxes=found.boxes * scale), pixels=0.02).float().mean() > 0.99


@torch.no_grad()
@pytest.mark.parametrize("size", [(128, 192), (131, 190)])
def test_torchvisions_segmenter_is_reproduced(size: tuple[int, int], tmp_path: Path) -> None:
    peer, images = build_lraspp(), show_images(size)
    save_file(peer.state_dict(), tmp_path / "lraspp.safetensors")
    segmenter = load(tmp_path / "lraspp.safetensors")
    expected = peer(normalize(images, segmenter.description.preprocessing))["out"]
    assert_varied(expected)
    assert_close(segmenter.raw(images), expected)


@torch.no_grad()
@pytest.mark.parametrize(
    ("backbone", "model"),
    [("mobilenetv2", "mobilenetv2_100"), ("mnasnet_a1", "semnasnet_100"), ("mobilenetv1", "mobilenetv1_100")],
)
def test_timms_baselines_are_reproduced(backbone: str, model: str, tmp_path: Path) -> None:
    peer, images = build_timm(model), show_images((96, 128))
    torch.save(peer.state_dict(), tmp_path / f"{model}.pth")
    weights = read_weights(str(tmp_path / f"{model}.pth"), Arch("ssdlite", backbone, 6))
    ours = build_model(weights.arch)
    ours.load_state_dict(weights.tensors, strict=False)
    x = normalize(images, weights.preprocessing)
    expected = peer.forward_features(x)
    assert_varied(expected)
    assert_close(ours.eval().backbone(x)["C5"], expected)
