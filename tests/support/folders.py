"""Folders of runs written by hand, as the commands leave them, with numbers that one can check."""

import json
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

DETECTION: dict[str, Any] = {"mAP": 0.5, "AP50": 0.75, "APs": None, "per_class": {"cat": 0.25, "dog": 0.75}}
SEGMENTATION: dict[str, Any] = {"mIoU": 0.5, "pixel_accuracy": 0.9, "iou": {"road": 0.5, "sky": None}}
CONFIG: dict[str, Any] = {
    "model": {"head": "ssdlite", "backbone": "small"},
    "trainer": {"max_epochs": 3},
    "dataset": {"name": "coco", "root": "data", "val": "val"},
    "lr": 0.1,
}
LOG = """epoch,images_per_second,lr,step,train/loss,val/mAP
0,10,0.1,9,4.0,
0,20,0.1,10,3.0,
0,,,10,,0.25
1,50,0.05,20,2.0,
1,,,20,,0.5
"""


def write_run(folder: Path, **files: Any) -> Path:
    """Write a run's folder.

    Args:
        folder: to make.
        files: contents by name: metrics, analysis, data, model, environment, config, log; None leaves one out.

    Returns:
        The folder.
    """
    content = {"metrics": DETECTION, "config": CONFIG, "log": LOG, **files}
    folder.mkdir(parents=True)
    for name, values in content.items():
        if values is None:
            continue
        if name == "log":
            (folder / "logs/start_0").mkdir(parents=True)
            (folder / "logs/start_0/metrics.csv").write_text(values)
        elif name == "config":
            (folder / "config.yaml").write_text(yaml.safe_dump(values))
        else:
            (folder / f"{name}.json").write_text(json.dumps(values))
    return folder


def describe_data(*, images: int = 100, sha256: str = "a" * 64) -> dict[str, Any]:
    """Return what data.json holds."""
    size = {"height": [30, 30], "width": [40, 60]}
    split = {"name": "val", "images": 4, "boxes": 9, **size, "sha256": sha256, "hashed": "SHA-256 of the files"}
    train = {**split, "name": "train", "images": images}
    return {"name": "coco", "root": "data", "classes": ["cat", "dog"], "splits": {"train": train, "val": split}}


def save_picture(path: Path, *, size: tuple[int, int] = (40, 20)) -> None:
    """Save a picture of this width and height."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, "red").save(path)
