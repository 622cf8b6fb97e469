"""How far the outputs of loaded weights are from those of the code that they come from.

Usage:
    python -m benchmarks.parity --images DIR    # a folder of photographs

The peers have random weights under which outputs vary (`tests.support.peers`); each is saved, loaded as a user would
and run on the photographs. The numbers land in benchmarks/results/parity.json.
"""

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models import mobilenet_v3_large, mobilenet_v3_small
from torchvision.models.segmentation import lraspp_mobilenet_v3_large

from data.images import find_images, load_image
from data.resizing import resize_image
from tasks.files import write_json
from tasks.inference.loading import load
from tasks.models.architecture import Arch
from tasks.models.network import build_model
from tasks.models.normalization import normalize
from tasks.models.pretrained.loading import read_weights
from tasks.predict import Predictor
from tests.support.dli14 import DLi14
from tests.support.peers import build_ssdlite, build_timm, vary

RESULTS = Path(__file__).parent / "results/parity.json"
SIZE = (224, 224)
CLASSIFIERS: dict[str, tuple[str, Callable[[], nn.Module]]] = {
    "torchvision mobilenet_v3_large": ("a.pth", lambda: vary(mobilenet_v3_large())),
    "torchvision mobilenet_v3_small": ("a.pth", lambda: vary(mobilenet_v3_small())),
    "d-li14 large": ("a.pth", lambda: vary(DLi14("large"))),
    "d-li14 small": ("a.pth", lambda: vary(DLi14("small"))),
    **{
        f"timm {name}": (f"{name}.pth", lambda name=name: build_timm(name))
        for name in (
            "mobilenetv3_large_100",
            "mobilenetv3_small_075",
            "tf_mobilenetv3_large_100",
            "tf_mobilenetv3_small_075",
            "tf_mobilenetv3_large_minimal_100",
        )
    },
}


def relative_difference(found: Tensor, expected: Tensor) -> float:
    """Return the largest difference as a share of the largest value."""
    return float((found - expected).abs().max() / expected.abs().max())


@torch.no_grad()
def compare_classifier(build: Callable[[], nn.Module], path: Path, photographs: Tensor) -> float:
    """Compare the logits for photographs (N, 3, H, W) uint8."""
    peer = build()
    torch.save(peer.state_dict(), path)
    weights = read_weights(str(path), Arch("classifier", "large", 1000))
    model = build_model(weights.arch).eval()
    model.load_state_dict(weights.tensors)
    x = normalize(photographs, weights.preprocessing)
    return relative_difference(model(x), peer(x))  # type: ignore[arg-type]


@torch.no_grad()
def compare_segmenter(folder: Path, photographs: Tensor) -> float:
    """Compare the upsampled logits for photographs (N, 3, H, W) uint8."""
    torch.manual_seed(0)
    peer = vary(lraspp_mobilenet_v3_large(weights=None, weights_backbone=None))
    torch.save(peer.state_dict(), folder / "lraspp.pth")
    model = load(folder / "lraspp.pth")
    x = normalize(photographs, model.description.preprocessing)
    return relative_difference(model.raw(photographs), peer(x)["out"])


@torch.no_grad()
def compare_detector(folder: Path, paths: list[Path]) -> dict[str, Any]:
    """Compare detections on whole photographs, each through its own code from the decoded image on."""
    peer = build_ssdlite()
    torch.save(peer.state_dict(), folder / "ssdlite.pth")
    predictor = Predictor(folder / "ssdlite.pth", threshold=0.0, accelerator="cpu")
    total = matched = 0
    boxes, scores = [0.0], [0.0]
    for image in map(load_image, paths):
        (found,) = predictor(image)
        (expected,) = peer([torch.from_numpy(image).permute(2, 0, 1) / 255])
        own, labels, own_scores = map(torch.from_numpy, (found.boxes, found.labels, found.scores))
        distance = (expected["boxes"][:, None] - own).abs().amax(-1)
        distance[expected["labels"][:, None] != labels + 1] = torch.inf
        nearest, place = distance.min(dim=1)
        close = nearest < 0.1  # pixels
        total, matched = total + len(close), matched + int(close.sum())
        boxes.append(float(nearest[close].max()))
        scores.append(float((expected["scores"] - own_scores[place])[close].abs().max()))
    return {
        "detections": total,
        "found again within .1 px": matched,
        "largest distance of those, px": max(boxes),
        "largest difference of scores": max(scores),
    }


def main() -> None:
    """Compare with every peer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True)
    paths = find_images(parser.parse_args().images)[:8]
    images = [resize_image(load_image(path), SIZE, rule="antialias") for path in paths]
    photographs = torch.stack([torch.from_numpy(image.copy()) for image in images]).permute(0, 3, 1, 2)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        results: dict[str, Any] = {
            peer: compare_classifier(build, folder / file, photographs) for peer, (file, build) in CLASSIFIERS.items()
        }
        results["torchvision lraspp_mobilenet_v3_large"] = compare_segmenter(folder, photographs)
        results["torchvision ssdlite320_mobilenet_v3_large"] = compare_detector(folder, paths)
    content = {"photographs": len(paths), "torch": torch.__version__, "largest relative difference": results}
    write_json(RESULTS, content)
    print(json.dumps(content, indent=1))


if __name__ == "__main__":
    main()
