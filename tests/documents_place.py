"""A folder with what the documents take for granted: the demo's runs, data of each format, photos, weights."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.models import mobilenet_v3_large

from data.images import load_mask
from data.synthetic import write_synthetic
from tasks.pretrained.published import IMAGENET, WHOLE
from tasks.training import train
from tests.tasks.runs import small_run
from tests.tasks.starts import build_detector, build_segmenter

ROAD, CAR = 7, 26  # label ids of Cityscapes


def make_place(root: Path) -> Path:
    """Fill an empty folder."""
    synthetic = root / "datasets/synthetic"
    write_synthetic(synthetic, train=6, val=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        for task in ("ssdlite", "lraspp"):
            train(small_run(task, Path("outputs/demo") / task, "dataset.root=datasets/synthetic"))
    add_coco(synthetic / "coco", root / "data/coco")
    shutil.copytree(synthetic / "cityscapes", root / "data/cityscapes")
    add_masks(synthetic / "cityscapes", root / "data/masks")
    shutil.copytree(synthetic / "coco/val", root / "photos")
    add_video(root / "photos", root / "video.mp4")
    add_weights(root / "torch/hub/checkpoints", root / "classifier.pth")
    return root


def add_coco(source: Path, folder: Path) -> None:
    """Copy a COCO tree, its splits under the names that COCO and most people use."""
    for split in ("train", "val"):
        for name in (split, f"{split}2017"):
            shutil.copytree(source / split, folder / name)
            target = folder / "annotations" / f"instances_{name}.json"
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(source / "annotations" / f"instances_{split}.json", target)


def add_masks(source: Path, folder: Path) -> None:
    """Make folders of masks of two classes, road and car, out of a Cityscapes tree."""
    for path in sorted(source.glob("leftImg8bit/*/*/*.png")):
        split, stem = path.parts[-3], path.name.removesuffix("_leftImg8bit.png")
        ids = load_mask(source / "gtFine" / split / path.parts[-2] / f"{stem}_gtFine_labelIds.png")
        mask = np.select([ids == ROAD, ids == CAR], [0, 1], default=255).astype(np.uint8)
        for kind in ("images", "masks"):
            (folder / kind / split).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / "images" / split / f"{stem}.png")
        Image.fromarray(mask).save(folder / "masks" / split / f"{stem}.png")


def add_video(photos: Path, path: Path) -> None:
    """Write a video of the photos."""
    frames = [cv2.imread(str(photo)) for photo in sorted(photos.glob("*.jpg"))]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10, frames[0].shape[1::-1])
    for frame in frames:
        writer.write(frame)
    writer.release()


def add_weights(cache: Path, path: Path) -> None:
    """Put random networks where torchvision's published files are looked for, and a classifier's into a file."""
    cache.mkdir(parents=True)
    networks = {
        IMAGENET["large"]: mobilenet_v3_large(),
        WHOLE["coco"]: build_detector(),
        WHOLE["voc"]: build_segmenter(),
    }
    for published, network in networks.items():
        torch.save(network.state_dict(), cache / Path(published.url).name)
    torch.save(mobilenet_v3_large().state_dict(), path)
