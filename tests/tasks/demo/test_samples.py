import json
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from data.config import DatasetConfig
from tasks.demo.samples import find_samples
from tasks.predict.predictor import Predictor
from tests.support.pictured_models import draw_image, encode, save_model
from tests.tasks.demo.served import ask, build


def make_images(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(draw_image()))


@pytest.mark.parametrize(
    "place", ["val", "images/val", "val/images", "valid/images", "coco/val", "leftImg8bit/val/city"]
)
def test_samples_are_evenly_spaced_over_the_images_of_the_split(place: str, tmp_path: Path) -> None:
    make_images(*(tmp_path / place / f"{number:02d}.png" for number in range(24)))
    found = find_samples(DatasetConfig("coco", str(tmp_path), "train", "val"))
    assert [path.name for path in found] == [f"{number * 23 // 11:02d}.png" for number in range(12)]


@pytest.mark.parametrize(("root", "val"), [("gone", "val"), ("", "val"), (".", "")])
def test_there_are_no_samples_where_there_is_no_data(
    root: str, val: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_images(tmp_path / "val/a.png", tmp_path / "images/a.png")
    monkeypatch.chdir(tmp_path)
    assert find_samples(DatasetConfig("coco", root, "train", val)) == []


def test_samples_are_served_by_their_number_alone(models: dict[str, Path], tmp_path: Path) -> None:
    make_images(tmp_path / "val/a.png")
    dataset = DatasetConfig("coco", str(tmp_path), "train", "val")
    path = save_model("ssdlite", tmp_path / "m.safetensors", dataset=dataset)
    predictor = Predictor(path)
    assert json.loads(ask(build(predictor), "GET", "/model").body)["samples"] == ["a.png"]
    assert ask(build(predictor), "GET", "/samples/0").body == encode(draw_image())
    thumbnail = Image.open(BytesIO(ask(build(predictor), "GET", "/samples/0/thumbnail").body))
    assert (thumbnail.format, thumbnail.size) == ("JPEG", (144, 96))
    for wrong in ("/samples/1", "/samples/-1", "/samples/../m.safetensors", "/samples/a.png", f"/samples/{'1' * 5000}"):
        assert ask(build(predictor), "GET", wrong).status == 404
