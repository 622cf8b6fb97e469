"""Weights that others publish: where they are, their checksums, and what torchvision's whole models are.

torchvision keeps downloads in torch.hub's folder (TORCH_HOME), timm in Hugging Face's (HF_HOME). A file that is there
already is used without a network.
"""

import logging
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor
from torchvision.models import MobileNet_V3_Large_Weights, MobileNet_V3_Small_Weights, WeightsEnum
from torchvision.models.detection import SSDLite320_MobileNet_V3_Large_Weights
from torchvision.models.segmentation import LRASPP_MobileNet_V3_Large_Weights

from backbones.baselines import BASELINES, NAMED
from backbones.zoo import import_timm
from data.bounded.content import hash_file
from data.classes import ClassTable
from data.config import DatasetConfig
from data.errors import InputError
from tasks.models.architecture import OWN_TABLE, Arch
from tasks.models.description import Description
from tasks.models.postprocessing import Postprocessing
from tasks.models.pretrained.identification import Weights, read_state

logger = logging.getLogger(__name__)

IMAGENET = {"large": MobileNet_V3_Large_Weights.DEFAULT, "small": MobileNet_V3_Small_Weights.DEFAULT}
WHOLE = {
    "coco": SSDLite320_MobileNet_V3_Large_Weights.COCO_V1,
    "voc": LRASPP_MobileNet_V3_Large_Weights.COCO_WITH_VOC_LABELS_V1,
}
SOURCES = ("imagenet", *WHOLE)
GUESSES = {  # what torchvision's whole models are; task=ssdlite_torchvision and task=lraspp_torchvision
    "ssdlite": Arch("ssdlite", "large", 90, halving="detection"),
    "lraspp": Arch("lraspp", "large", 21),
}
# Names of timm's pretrained models, beside those in `NAMED`: width -> name.
TIMM_NAMES = {
    "mobilenetv2": {0.5: "mobilenetv2_050", 1.0: "mobilenetv2_100", 1.4: "mobilenetv2_140"},
    "mnasnet_a1": {0.75: "semnasnet_075", 1.0: "semnasnet_100"},
}
# Of torchvision's ssdlite320_mobilenet_v3_large.
POSTPROCESSING = Postprocessing(0.001, 0.55, max_detections=300, per_class=300)


def use_coco(classes: ClassTable) -> DatasetConfig:
    """Return where COCO is looked for."""
    return DatasetConfig("coco", f"{os.environ.get('BNECK_DATA', 'datasets')}/coco", "train2017", "val2017")


def use_voc(classes: ClassTable) -> DatasetConfig:
    """Return where VOC's masks are looked for."""
    root = os.environ.get("BNECK_DATA", "datasets")
    return DatasetConfig("masks", f"{root}/voc", "train", "val", names=classes.names)


# By head: the data that the model is evaluated on, unless others are given, and how its predictions become results.
USES: dict[str, tuple[Callable[[ClassTable], DatasetConfig], Postprocessing | None]] = {
    "ssdlite": (use_coco, POSTPROCESSING),
    "lraspp": (use_voc, None),
}


def coco_classes() -> ClassTable:
    """Return the 90 classes of torchvision's detectors; ids that COCO leaves out have a class that is never found."""
    categories = WHOLE["coco"].meta["categories"]
    names = [f"unused {i}" if name == "N/A" else name for i, name in enumerate(categories)]
    return ClassTable.create(names[1:], range(1, len(names)))


def voc_classes() -> ClassTable:
    """Return the 21 classes of torchvision's segmenters, background included; ids are the values of VOC's masks."""
    names = ["background", *WHOLE["voc"].meta["categories"][1:]]
    return ClassTable.create(names, range(len(names)))


def known_classes(head: str, count: int) -> ClassTable | None:
    """Return the classes of a file in torchvision's layout, where their number is that of its published models."""
    classes = {"ssdlite": coco_classes, "lraspp": voc_classes}.get(head)
    table = classes() if classes else None
    return table if table is not None and len(table) == count else None


def fetch(name: str, arch: Arch) -> Weights:
    """Get published weights, from the cache or over the network.

    Args:
        name: one of `SOURCES`.
        arch: of the model that is to take them.

    Raises:
        InputError: if there are none for this backbone, or they cannot be had.
    """
    if name == "imagenet" and arch.backbone in BASELINES:
        return fetch_timm(arch)
    if name not in WHOLE and arch.backbone == OWN_TABLE:
        raise InputError("weights=imagenet: none published for rows of one's own; expected a file of their weights")
    source = WHOLE[name] if name in WHOLE else IMAGENET[arch.backbone]
    weights = read_state(name, fetch_torchvision(source), arch=arch)
    return with_classes(weights)


def with_classes(weights: Weights, *, path: Path | None = None, wanted: int | None = None) -> Weights:
    """Add the class names of torchvision's published models, where they fit.

    Args:
        weights: in torchvision's layout.
        path: of the file that they come from; None if they are torchvision's own.
        wanted: number of classes of the model that is to take them. A file that is not torchvision's own and has as
            many is taken to have just those, and stays without names.
    """
    classes = known_classes(weights.arch.head, weights.arch.num_classes)
    if classes is not None and path is not None and not is_published(path):
        if len(classes) == wanted:
            return weights
        logger.warning("%s: assumed to have the %d classes of torchvision's published model", path, len(classes))
    return replace(weights, classes=classes)


def fetch_torchvision(source: WeightsEnum) -> dict[str, Tensor]:
    """Download one of torchvision's files into torch.hub's folder, unless it is there, and read it.

    Raises:
        InputError: naming the address, the folder and what to do.
    """
    path = locate(source)
    try:
        state = source.get_state_dict(progress=True, check_hash=True, map_location="cpu", weights_only=True)
    except Exception as error:  # no network, a wrong checksum, a damaged file in the cache, a folder not writable
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{source.url}: download failed ({reason}); put the file into {path.parent}, or give its path in place of "
            "the name"
        ) from error
    if not is_published(path):  # a download is checked before it gets there
        logger.warning("%s: its checksum is not the one in its name, so this is not the published file", path)
    return state


def locate(source: WeightsEnum) -> Path:
    """Return where torchvision keeps one of its files."""
    return Path(torch.hub.get_dir()) / "checkpoints" / Path(source.url).name


def is_published(path: Path) -> bool:
    """Tell whether a file's name holds its checksum, as torchvision's do."""
    expected = re.search(r"-([0-9a-f]{8,})\.", path.name)
    return expected is not None and hash_file(path).startswith(expected[1])


def fetch_timm(arch: Arch) -> Weights:
    """Get timm's pretrained weights for a baseline, through timm.

    Raises:
        InputError: if timm has none for this backbone and width, or they cannot be had.
    """
    try:
        timm = import_timm()
    except ModuleNotFoundError as error:
        raise InputError(f"weights=imagenet: backbone={arch.backbone} {error}") from error
    names = {**NAMED, **TIMM_NAMES}[arch.backbone]
    published = {width: cfg for width, name in names.items() if (cfg := timm.get_pretrained_cfg(name)).hf_hub_id}
    if arch.width not in published:
        raise InputError(
            f"weights=imagenet: none published for backbone={arch.backbone} model.width={arch.width:g}; "
            f"expected a width of {list(published)}"
        )
    name, cfg = names[arch.width], published[arch.width]
    try:
        state = timm.create_model(name, pretrained=True).state_dict()
    except Exception as error:  # whatever Hugging Face's client raises
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"https://huggingface.co/{cfg.hf_hub_id}: download failed ({reason}); put the file into Hugging Face's "
            f"cache ({hugging_face_cache()}), or give its path in place of the name"
        ) from error
    return read_state("imagenet", state, arch=arch, path=Path(f"{cfg.architecture}.{cfg.tag}"))


def hugging_face_cache() -> str:
    """Return the folder of Hugging Face's downloads."""
    home = os.environ.get("HF_HOME", Path.home() / ".cache/huggingface")
    return os.environ.get("HF_HUB_CACHE", f"{home}/hub")


def describe_whole(weights: Weights) -> Description:
    """Describe one of torchvision's detectors or segmenters for use as it is.

    Raises:
        InputError: if its classes are unknown.
    """
    arch, classes = weights.arch, weights.classes
    if classes is None:
        raise InputError(
            f"{weights.source}: the names of its {arch.num_classes} classes are in no file; expected torchvision's "
            "published 90 of COCO or 21 of VOC, or a checkpoint of this project, which holds them"
        )
    data, postprocessing = USES[arch.head]
    return Description(arch, classes, weights.preprocessing, postprocessing, data(classes))
