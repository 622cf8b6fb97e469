"""Use a checkpoint on pictures: files in, overlays and results out."""

import glob
import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig

from data.errors import InputError
from data.images import find_images, load_image, read_size
from data.samples import DetectionSample, SegmentationSample
from tasks.build import DETECTION, build_eval_loader, find_task
from tasks.checkpoint import load_checkpoint, load_model
from tasks.command import check_new
from tasks.description import Description
from tasks.detection.module import DetectionModule, scale_to, to_results
from tasks.detection.report import draw_results
from tasks.drawing import draw_legend, draw_mask, save_image
from tasks.evaluation import make_trainer
from tasks.files import write_json
from tasks.options import check_type, to_plain
from tasks.segmentation.module import SegmentationModule
from tasks.segmentation.report import PREDICTIONS, save_label_ids

logger = logging.getLogger(__name__)

FORMATS = ("jpg", "png")
BATCH_SIZE = 8
PICTURES = "pictures"


class ImageFiles:
    """A reader of images without ground truth.

    Attributes:
        paths: of the images.
        names: unique stems for what is written about each.
    """

    def __init__(self, paths: list[Path], *, detection: bool) -> None:
        self.paths = paths
        self.names = unique_names(paths)
        self.sizes = [read_size(path) for path in paths]
        self.detection = detection

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> DetectionSample | SegmentationSample:
        """Read one image, with no boxes or an empty mask."""
        image = load_image(self.paths[index])
        if not self.detection:
            return SegmentationSample(image, np.zeros(image.shape[:2], np.uint8), self.names[index])
        boxes, labels, crowd = np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, bool)
        return DetectionSample(image, boxes, labels, crowd, index + 1)


def find_sources(source: str) -> list[Path]:
    """Return the images that `source` names: a file, the images in a folder, or the files of a pattern.

    Raises:
        InputError: if there are none.
    """
    path = Path(source)
    if path.is_file():
        return [path]
    found = find_images(path) if path.is_dir() else sorted(Path(name) for name in glob.glob(source, recursive=True))  # noqa: PTH207
    if not found:
        raise InputError(f"source: nothing found at {source}; expected an image, a folder of images or a pattern")
    return found


def unique_names(paths: list[Path]) -> list[str]:
    """Return each file's stem, or its whole name with its dot as an underscore where several share the stem."""
    stems = Counter(path.stem for path in paths)
    names = [path.stem if stems[path.stem] == 1 else path.name.replace(".", "_") for path in paths]
    counts = Counter(names)
    return [name if counts[name] == 1 else f"{index:06d}_{name}" for index, name in enumerate(names, start=1)]


def predict(cfg: DictConfig) -> int:
    """Predict for every image of cfg.source and write cfg.out.

    Returns:
        The number of images.

    Raises:
        InputError: if the checkpoint or an image cannot be used.
    """
    config = to_plain(cfg)
    if config["format"] not in FORMATS:
        raise InputError(f"format: unknown {config['format']!r}; choose from {list(FORMATS)}")
    check_type(config["threshold"], float, "threshold")
    out = Path(str(config["out"]))
    check_new(out)
    description, weights = load_checkpoint(Path(str(config["checkpoint"])))
    task = find_task(description.arch.head)
    files = ImageFiles(find_sources(str(config["source"])), detection=task is DETECTION)
    module = task.module(description)
    module.model = load_model(description, weights)
    module.eval().to(make_trainer(accelerator=config["accelerator"], logger=False).strategy.root_device)
    (out / PICTURES).mkdir(parents=True, exist_ok=True)
    if isinstance(module, DetectionModule):
        predict_boxes(module, files, out=out, threshold=config["threshold"], suffix=config["format"])
    else:
        predict_masks(module, files, out=out, suffix=config["format"])
    logger.info("%d images, written to %s", len(files), out)
    return len(files)


def batches(files: ImageFiles, description: Description) -> Iterator[Any]:
    """Yield batches of the files as the model takes them."""
    yield from build_eval_loader(files, description, batch_size=BATCH_SIZE, workers=0)


@torch.inference_mode()
def predict_boxes(module: DetectionModule, files: ImageFiles, *, out: Path, threshold: float, suffix: str) -> None:
    """Write results.json (COCO results; image_id counts from 1, file_name names the image) and the pictures."""
    results: list[dict[str, Any]] = []
    for batch in batches(files, module.description):
        for index, found in zip(batch.indices.tolist(), module.detect(batch.images.to(module.device)), strict=True):
            scale = scale_to(files.sizes[index], module.size)
            own = to_results(found, image_id=index + 1, scale=scale, category_ids=module.description.classes.ids)
            drawn = [result for result in own if result["score"] >= threshold]
            picture = draw_results(load_image(files.paths[index]), drawn, module.description.classes)
            save_image(picture, out / PICTURES / f"{files.names[index]}.{suffix}")
            results += [{**result, "file_name": str(files.paths[index])} for result in own]
    write_json(out / "results.json", results)


@torch.inference_mode()
def predict_masks(module: SegmentationModule, files: ImageFiles, *, out: Path, suffix: str) -> None:
    """Write predictions/NAME.png (label ids) and the pictures."""
    (out / PREDICTIONS).mkdir()
    classes = module.description.classes
    for batch in batches(files, module.description):
        index = int(batch.indices[0])
        (mask,) = module.segment(batch.images.to(module.device), files.sizes[index])
        save_label_ids(mask, out / PREDICTIONS / f"{files.names[index]}.png", classes=classes)
        blended = draw_mask(load_image(files.paths[index]), mask.cpu().numpy(), classes=classes)
        legend = draw_legend(mask.cpu().numpy(), classes=classes, width=blended.shape[1])
        save_image(np.vstack([blended, legend]), out / PICTURES / f"{files.names[index]}.{suffix}")
