"""A folder with what the documents take for granted: the demo's runs, data of each format, photos, weights."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from torchvision.models import mobilenet_v3_large

from data.images import load_mask
from data.synthetic.writing import write_synthetic
from tasks.models.pretrained.published import IMAGENET, WHOLE
from tests.support.class_trees import write_folders
from tests.support.starts import build_detector, build_segmenter
from tests.support.trained import Trained

ROAD, CAR = 7, 26  # label ids of Cityscapes
COLORS = ((128, 64, 128), (0, 0, 142))  # their colours


def make_place(root: Path, trained: Callable[[str], Trained]) -> Path:
    """Fill an empty folder."""
    synthetic = root / "datasets/synthetic"
    write_synthetic(synthetic, train=6, val=4)
    for task in ("ssdlite", "lraspp", "classify"):
        shutil.copytree(trained(task).folder, root / "outputs/demo" / task)
    add_coco(synthetic / "coco", root / "data/coco")
    shutil.copytree(synthetic / "cityscapes", root / "data/cityscapes")
    for folder in ("leftImg8bit", "gtFine"):
        shutil.copytree(root / "data/cityscapes" / folder / "val", root / "data/cityscapes" / folder / "test")
    add_masks(synthetic / "cityscapes", root / "data/masks")
    add_other_boxes(synthetic / "coco", yolo=root / "data/yolo", voc=root / "data/voc")
    shutil.copytree(synthetic / "coco/val", root / "photos")
    for layout in ("folder", "imagenet"):
        write_folders(root / "data" / layout, count=10)
    add_table(root / "data/folder", root / "data/csv")
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
    shutil.copyfile(source / "annotations" / "instances_train.json", folder / "result.json")
    shutil.copytree(source / "val", folder / "extra")
    (folder / "more").mkdir()
    shutil.copyfile(source / "annotations" / "instances_val.json", folder / "more" / "extra.json")
    shutil.copytree(source / "val", folder / "valid")
    shutil.copyfile(source / "annotations" / "instances_val.json", folder / "valid" / "_annotations.coco.json")


def add_other_boxes(source: Path, *, yolo: Path, voc: Path) -> None:
    """Write the boxes of a COCO tree as YOLO's text files, and as XML beside the images."""
    for split in ("train", "val"):
        content = json.loads((source / "annotations" / f"instances_{split}.json").read_text())
        names = {entry["id"]: entry["name"] for entry in content["categories"]}
        shutil.copytree(source / split, yolo / "images" / split)
        shutil.copytree(source / split, voc / split)
        (yolo / "labels" / split).mkdir(parents=True)
        for image in content["images"]:
            stem, width, height = Path(image["file_name"]).stem, image["width"], image["height"]
            lines, objects = [], []
            for entry in content["annotations"]:
                if entry["image_id"] == image["id"]:
                    x, y, w, h = entry["bbox"]
                    label = list(names).index(entry["category_id"])
                    lines.append(f"{label} {(x + w / 2) / width} {(y + h / 2) / height} {w / width} {h / height}\n")
                    corners = f"<xmin>{x}</xmin><ymin>{y}</ymin><xmax>{x + w}</xmax><ymax>{y + h}</ymax>"
                    objects.append(
                        f"<object><name>{names[entry['category_id']]}</name><bndbox>{corners}</bndbox></object>"
                    )
            (yolo / "labels" / split / f"{stem}.txt").write_text("".join(lines))
            (voc / split / f"{stem}.xml").write_text(f"<annotation>{''.join(objects)}</annotation>")
        (yolo / "data.yaml").write_text(f"train: images/train\nval: images/val\nnames: {list(names.values())}\n")


def add_masks(source: Path, folder: Path) -> None:
    """Make folders of masks of two classes, road and car, out of a Cityscapes tree: indices, and their colours."""
    for path in sorted(source.glob("leftImg8bit/*/*/*.png")):
        split, stem = path.parts[-3], path.name.removesuffix("_leftImg8bit.png")
        ids = load_mask(source / "gtFine" / split / path.parts[-2] / f"{stem}_gtFine_labelIds.png")
        mask = np.select([ids == ROAD, ids == CAR], [0, 1], default=255).astype(np.uint8)
        for kind in ("images", "masks"):
            (folder / kind / split).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / "images" / split / f"{stem}.png")
        picture = Image.fromarray(mask)
        picture.putpalette([*COLORS[0], *COLORS[1], *[0] * 762])
        picture.save(folder / "masks" / split / f"{stem}.png")


def add_table(source: Path, folder: Path) -> None:
    """Write the images of folders by class as tables of files and labels."""
    for split in ("train", "val"):
        paths = sorted((source / split).rglob("*.png"))
        for path in paths:
            (folder / path.relative_to(source).parent).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / path.relative_to(source))
        rows = [f"{path.relative_to(source)},{path.parent.name}\n" for path in paths]
        (folder / f"{split}.csv").write_text("".join(["file,label\n", *rows]))


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
