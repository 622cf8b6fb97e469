"""The first sanity check of data and settings: can the network learn a handful of images by heart?"""

import logging
import math
from pathlib import Path
from typing import Any

import cv2
from torch.utils.data import DataLoader

from data.errors import InputError
from data.loading import Transformed, build_loader
from data.resizing import resize_image
from data.samples import SegmentationSample
from data.sizes import Size
from data.transforms import SegmentationItem
from tasks.cli.options import check_least, parse_size
from tasks.loaders import DETECTION, find_task

logger = logging.getLogger(__name__)

STEPS = 400  # at most
EVALUATIONS = 20  # on the way, so that a run ends soon after it has learned
LEARNED = {"mAP": 0.7, "mIoU": 0.8}  # from which on the images count as learned
ADVICE = (
    "look at samples/: wrong labels, or boxes beside their objects, are seen there; "
    "small objects need a larger size=; try lr= a third or three times as high; the loss in curves.png must fall"
)


class WholeImage:
    """For learning by heart: resize image and mask to one size.

    Args:
        size: (height, width) in pixels.
        rule: of the image's resize, key of `data.resizing.RESIZES`.
    """

    def __init__(self, size: Size, *, rule: str) -> None:
        self.size = size
        self.rule = rule

    def __call__(self, sample: SegmentationSample, seed: int) -> SegmentationItem:
        """Resize one sample; the seed changes nothing."""
        mask = cv2.resize(sample.mask, self.size[::-1], interpolation=cv2.INTER_NEAREST)
        return SegmentationItem(resize_image(sample.image, self.size, rule=self.rule), mask)


def prepare(config: dict[str, Any]) -> None:
    """Change a configuration to one that learns config["overfit"] images by heart.

    Batches of all of them, steps enough, no averaged weights, which lag behind, norms that follow within this many
    steps, and for a segmenter one size in training and evaluation.

    Raises:
        InputError: if the number is none, or below 2, which batch norm needs.
    """
    count, trainer = config["overfit"], config["trainer"]
    check_least(count, 2, "overfit")
    config["batch_size"] = min(count, config["batch_size"])
    steps = math.ceil(count / config["batch_size"])
    epochs = max(1, STEPS // steps)
    trainer |= {"max_epochs": epochs, "check_val_every_n_epoch": max(1, epochs // EVALUATIONS), "ema_decay": 0}
    trainer |= {"accumulate_grad_batches": 1, "early_stopping": None, "stop_at": LEARNED[find_metric(config)]}
    config["model"]["bn_momentum"] = 0.1
    config["dataset"] |= {"cache": "none", "workers": 0}
    if config["dataset"].get("least_side") is not None:
        config["dataset"]["least_side"] = None  # evaluation decodes images whole, here from the same reader
    if find_task(config["model"]["head"]) is not DETECTION:
        config["eval_size"] = list(parse_size(config["size"], "size"))


def find_metric(config: dict[str, Any]) -> str:
    """Return the name of the metric that decides."""
    return find_task(config["model"]["head"]).module.metric


def build_plain_loader(reader: Any, config: dict[str, Any]) -> DataLoader:
    """Return the loader of training batches without augmentation."""
    task = find_task(config["model"]["head"])
    resize = task.resize if task is DETECTION else WholeImage
    transform = resize(parse_size(config["size"], "size"), rule=config["preprocessing"]["resize"])
    data = Transformed(reader, transform, seed=config["seed"])
    return build_loader(data, collate=task.collate, batch_size=config["batch_size"], shuffle=True, workers=0)


def judge(metrics: dict[str, Any], config: dict[str, Any], out: Path) -> None:
    """Say whether the images were learned.

    Raises:
        InputError: if not, with what to look at.
    """
    name, count = find_metric(config), config["overfit"]
    value, least = metrics[name] or 0.0, LEARNED[name]
    if value < least:
        found = f"overfit={count}: not learned: {name} {value:.3f} on the {count} images that it was trained on"
        raise InputError(f"{found}; expected {least} or more. In {out}, {ADVICE}")
    logger.info(
        "overfit=%d: learned: %s %.3f on the images that it was trained on; train on all now", count, name, value
    )
