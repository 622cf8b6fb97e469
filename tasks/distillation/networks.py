"""Networks of other packages as teachers, from a file of their weights; nothing is downloaded."""

import re
from collections.abc import Sequence
from pathlib import Path

import torch
import torchvision
from torch import Tensor, nn

from backbones.zoo import import_timm
from data.classes import ClassTable
from data.errors import InputError
from data.sizes import Size
from tasks.models.normalization import normalize
from tasks.models.preprocessing import Preprocessing
from tasks.models.pretrained.published import voc_classes
from tasks.models.pretrained.state_files import read_state_file
from tasks.models.pretrained.timm_names import IMAGENET

# Of torchvision's segmenters: the last layer of DeepLabV3 and FCN, of LR-ASPP; and the branch for training alone.
OUTPUTS = ("classifier.4.weight", "classifier.low_classifier.weight")
AUXILIARY = "aux_classifier."


class TorchvisionSegmenter(nn.Module):
    """One of torchvision's segmenters: images (N, 3, H, W) uint8 -> logits (N, K, H, W) float32.

    Args:
        net: the network.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.preprocessing = Preprocessing(None, *IMAGENET)

    def forward(self, images: Tensor) -> Tensor:
        """Predict."""
        return self.net(normalize(images, self.preprocessing))["out"].float()


class TorchvisionClassifier(nn.Module):
    """One of torchvision's classifiers: images (N, 3, H, W) uint8 -> logits (N, K) float32.

    Args:
        net: the network.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.preprocessing = Preprocessing(None, *IMAGENET)

    def forward(self, images: Tensor) -> Tensor:
        """Predict."""
        return self.net(normalize(images, self.preprocessing)).float()


class TimmFeatures(nn.Module):
    """The last feature map of an image model of timm: images (N, 3, H, W) uint8 -> (N, C, h, w).

    Args:
        net: the network, without its classifier.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        entry = net.pretrained_cfg
        mean, std = (tuple(map(float, entry[field])) for field in ("mean", "std"))  # type: ignore[index]
        self.preprocessing = Preprocessing(None, mean, std)  # type: ignore[arg-type]

    def forward(self, images: Tensor) -> Tensor:
        """Compute the map."""
        (features,) = self.net.forward_intermediates(  # type: ignore[operator]
            normalize(images, self.preprocessing), indices=1, intermediates_only=True
        )
        return features


def load_torchvision(name: str, path: Path) -> tuple[nn.Module, int]:
    """Build one of torchvision's segmenters with the weights of a file.

    Returns:
        The network and its number of classes, which the file tells.

    Raises:
        InputError: if there is no such segmenter, or the file does not fit it.
    """
    known = torchvision.models.list_models(module=torchvision.models.segmentation)
    if name not in known:
        raise InputError(f"distill.teacher: unknown torchvision:{name}; choose from {known}")
    state = {key: value for key, value in read_state(path).items() if not key.startswith(AUXILIARY)}
    outputs = next((state[key] for key in OUTPUTS if key in state), None)
    if outputs is None:
        raise InputError(
            f"distill.weights: {path}: no {' or '.join(OUTPUTS)}; expected weights of torchvision's {name}"
        )
    count = len(outputs)
    net = torchvision.models.get_model(name, weights=None, weights_backbone=None, num_classes=count)
    load_state(net, state, source=f"distill.weights: {path}: not of torchvision's {name}")
    return TorchvisionSegmenter(net), count


def load_torchvision_classifier(name: str, path: Path) -> tuple[nn.Module, int]:
    """Build one of torchvision's classifiers with the weights of a file; as `load_torchvision`."""
    known = torchvision.models.list_models(module=torchvision.models)
    if name not in known:
        raise InputError(f"distill.teacher: unknown torchvision:{name}; choose from {known}")
    state = read_state(path)
    with torch.device("meta"):
        layers = dict(torchvision.models.get_model(name, weights=None).named_modules())
    last = [key for key, layer in layers.items() if isinstance(layer, nn.Linear | nn.Conv2d)][-1]
    if f"{last}.weight" not in state:
        raise InputError(f"distill.weights: {path}: no {last}.weight; expected weights of torchvision's {name}")
    count = len(state[f"{last}.weight"])
    net = torchvision.models.get_model(name, weights=None, num_classes=count)
    load_state(net, state, source=f"distill.weights: {path}: not of torchvision's {name}")
    return TorchvisionClassifier(net), count


def guess_classes(count: int, classes: ClassTable) -> ClassTable:
    """Name the classes of a segmenter: those of VOC if it has as many and the student's are among them.

    Else they are taken to be the student's, in their order.

    Raises:
        InputError: if there are neither 21, with the student's among VOC's, nor as many as the student has.
    """
    voc = voc_classes()
    if count == len(voc) and set(classes.names) <= set(voc.names):
        return voc
    if count == len(classes):
        return classes
    among = f"; with 21 the student's must be among VOC's: {', '.join(voc.names)}" if count == len(voc) else ""
    raise InputError(f"distill.weights: {count} classes without names, {len(classes)} here; expected as many{among}")


def load_timm(name: str, path: Path, *, sizes: Sequence[Size]) -> tuple[nn.Module, int]:
    """Build an image model of timm with the weights of a file, for its last feature map.

    Args:
        name: timm's, such as "resnet50.a1_in1k"; the part behind the dot tells how images are normalised.
        path: of the file; the classifier in it is left out.
        sizes: (height, width) of the images in training, one or several.

    Returns:
        The network and the number of channels of its map.

    Raises:
        InputError: if timm is missing or has no such model, the file does not fit, or the model gives no map of images
            of such a size.
    """
    try:
        if not re.fullmatch(r"[\w.]+", name):
            raise ValueError("expected a name without a place")
        net = import_timm().create_model(name, pretrained=False, num_classes=0)
    except (ModuleNotFoundError, RuntimeError, ValueError) as error:
        raise InputError(f"distill.teacher=timm:{name}: {error}") from error
    layers = net.pretrained_cfg.get("classifier") or ()
    classifier = tuple(f"{layer}." for layer in ((layers,) if isinstance(layers, str) else layers))
    state = {key: value for key, value in read_state(path).items() if not key.startswith(classifier)}
    load_state(net, state, source=f"distill.weights: {path}: not of timm's {name}")
    network = TimmFeatures(net).eval()
    for size in sizes:
        try:
            with torch.no_grad():
                channels = network(torch.zeros(1, 3, *size)).shape[1]
        except (AssertionError, AttributeError, RuntimeError, ValueError) as error:
            raise InputError(
                f"distill.teacher=timm:{name}: no feature map of images of size {size}: {error}"
            ) from error
    return network, channels


def read_state(path: Path) -> dict[str, Tensor]:
    """Read a file of weights.

    Raises:
        InputError: if it cannot be read.
    """
    try:
        return read_state_file(path).tensors
    except InputError as error:
        raise InputError(f"distill.weights: {error}") from error


def load_state(net: nn.Module, state: dict[str, Tensor], *, source: str) -> None:
    """Load a state dict of which nothing may be missing or left over.

    Raises:
        InputError: `source`, and the first tensors that are missing, unknown or of another shape.
    """
    known = net.state_dict()
    wrong = [key for key in {**known, **state} if key not in known or key not in state]
    wrong = wrong or [key for key in known if state[key].shape != known[key].shape]
    if wrong:
        raise InputError(f"{source}: missing, unknown or of another shape: {', '.join(wrong[:5])}")
    net.load_state_dict(state)
