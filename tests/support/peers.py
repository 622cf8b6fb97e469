"""Published networks with random weights, and pictures to run them on."""

from pathlib import Path

import numpy as np
import timm
import torch
from matplotlib.cbook import get_sample_data
from torch import Tensor, nn
from torchvision.models.detection import ssdlite320_mobilenet_v3_large
from torchvision.models.segmentation import lraspp_mobilenet_v3_large

from data.images import load_image
from data.resizing import resize_image
from data.synthetic.scene import draw_scene
from tests.support.random_weights import randomize, settle


def load_photograph() -> np.ndarray:
    """Load the photograph that comes with matplotlib: (600, 512, 3) uint8."""
    return load_image(Path(str(get_sample_data("grace_hopper.jpg", asfileobj=False))))


def show_images(size: tuple[int, int], *, scenes: int = 1) -> Tensor:
    """Return drawn street scenes and a photograph: (scenes + 1, 3, *size) uint8."""
    images = [draw_scene(0, "val", number=number, size=size).image for number in range(scenes)]
    images.append(resize_image(load_photograph(), size, rule="antialias"))
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous()


def vary(peer: nn.Module, size: tuple[int, int] = (96, 128)) -> nn.Module:
    """Give a network weights under which its outputs vary from image to image and no activation saturates."""
    randomize(peer)
    images = show_images(size, scenes=3).float() / 128 - 1
    return settle(peer, lambda: peer(images))


def build_timm(name: str) -> nn.Module:
    return vary(timm.create_model(name))


def build_lraspp() -> nn.Module:
    torch.manual_seed(0)
    return vary(lraspp_mobilenet_v3_large(weights=None, weights_backbone=None))


def build_ssdlite(classes: int = 91) -> nn.Module:
    """Build torchvision's detector, its class scores spread so that some boxes are sure and most are not."""
    torch.manual_seed(0)
    peer = randomize(ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=classes))
    images = show_images((320, 320), scenes=3).float() / 128 - 1
    settle(peer, lambda: peer.head(list(peer.backbone(images).values())))
    for predictor in peer.head.regression_head.module_list:
        predictor[1].weight.data *= 0.3
    return peer
