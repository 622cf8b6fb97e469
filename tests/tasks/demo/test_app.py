import asyncio
import base64
import json
import re
from io import BytesIO
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from aiohttp.test_utils import TestClient, TestServer
from PIL import Image

from data.config import DatasetConfig
from data.images import load_mask
from tasks.demo import app as serving_app
from tasks.demo import inference
from tasks.predict.predictor import Predictor
from tests.support.pictured_models import CLASSES, draw_image, encode, save_model
from tests.tasks.demo.served import ask, build, error_of


def test_the_boxes_are_those_of_the_predictor(models: dict[str, Path]) -> None:
    predictor, image = Predictor(models["ssdlite"], accelerator="cpu"), draw_image()
    found = json.loads(ask(build(predictor), "POST", "/predict", data=encode(image)).body)
    (expected,) = Predictor(models["ssdlite"], threshold=0.05, accelerator="cpu")(image)
    assert len(expected.boxes) > 20
    assert (found["width"], found["height"]) == (144, 96)
    assert [entry["box"] for entry in found["detections"]] == expected.boxes.tolist()
    assert [entry["label"] for entry in found["detections"]] == expected.labels.tolist()
    assert [entry["score"] for entry in found["detections"]] == expected.scores.tolist()


def test_the_mask_is_that_of_the_predictor_as_a_png_of_indices(models: dict[str, Path], tmp_path: Path) -> None:
    predictor, image = Predictor(models["lraspp"], accelerator="cpu"), draw_image()
    found = json.loads(ask(build(predictor), "POST", "/predict", data=encode(image)).body)
    (expected,) = predictor(image)
    kind, content = found["mask"].split(",")
    assert kind == "data:image/png;base64"
    (tmp_path / "mask.png").write_bytes(base64.b64decode(content))
    np.testing.assert_array_equal(load_mask(tmp_path / "mask.png"), expected.mask)
    assert found["pixels"] == np.bincount(expected.mask.ravel(), minlength=3).tolist()
    assert all(found["pixels"])


def test_the_page_is_told_the_classes_and_the_checkpoints_own_thresholds(tmp_path: Path) -> None:
    path = save_model("ssdlite", tmp_path / "m.safetensors", thresholds=(0.7, 0.02, 0.74))
    told = json.loads(ask(build(Predictor(path)), "GET", "/model").body)
    assert [entry["name"] for entry in told["classes"]] == list(CLASSES.names)
    assert [entry["threshold"] for entry in told["classes"]] == [0.7, 0.02, 0.74]
    assert (told["task"], told["name"]) == ("detection", "SSDLite on MobileNetV3-Small")
    assert told["lowest"] == 0.02  # the slider reaches what the checkpoint says


def test_thresholds_are_one_half_where_the_checkpoint_has_none(models: dict[str, Path]) -> None:
    told = json.loads(ask(build(Predictor(models["lraspp"])), "GET", "/model").body)
    assert [entry["threshold"] for entry in told["classes"]] == [0.5] * 3
    assert (told["task"], told["chosen"], told["lowest"]) == ("segmentation", False, 0.05)


def test_an_image_is_turned_as_its_exif_says(models: dict[str, Path]) -> None:
    exif = Image.Exif()
    exif[274] = 6
    content = encode(draw_image(), "JPEG", exif=exif)
    found = json.loads(ask(build(Predictor(models["ssdlite"])), "POST", "/predict", data=content).body)
    assert (found["width"], found["height"]) == (96, 144)


def test_what_browsers_cannot_show_comes_back_as_jpeg(models: dict[str, Path]) -> None:
    reply = ask(build(Predictor(models["ssdlite"])), "POST", "/picture", data=encode(draw_image(), "TIFF"))
    shown = Image.open(BytesIO(reply.body))
    assert (shown.format, shown.size, reply.headers["Content-Type"]) == ("JPEG", (144, 96), "image/jpeg")
    assert np.abs(np.array(shown).astype(int) - draw_image()).mean() < 4


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "photo.jpg: the file is empty; expected a complete JPEG, PNG"),
        (b"no picture", "photo.jpg: not an image, or its header is damaged; expected"),
        (encode(draw_image(), "JPEG")[:2000], r"photo.jpg: cannot be read \(image file is truncated"),
        (encode(draw_image())[:2000], "photo.jpg: cannot be read"),
        (
            encode(np.zeros((6000, 6000, 3), np.uint8)),
            "photo.jpg: size is height 6000 x width 6000; expected at most 25",
        ),
    ],
)
def test_a_bad_image_is_refused_by_name(models: dict[str, Path], content: bytes, message: str) -> None:
    reply = ask(build(Predictor(models["ssdlite"])), "POST", "/predict?name=photo.jpg", data=content)
    assert reply.status == 400
    assert re.match(message, error_of(reply))


def test_an_image_too_long_for_jpeg_is_refused(models: dict[str, Path]) -> None:
    content = encode(np.zeros((1, 65501, 3), np.uint8))
    reply = ask(build(Predictor(models["ssdlite"])), "POST", "/picture?name=strip.tif", data=content)
    assert reply.status == 400
    assert error_of(reply) == "strip.tif: size is height 1 x width 65501; expected at most 65500 pixels a side"


def test_a_file_that_is_too_large_is_refused_whether_it_says_so_or_not(
    models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving_app, "MOST_BYTES", 2**20)

    async def stream() -> Any:
        for _ in range(20):
            yield bytes(2**16)

    for data in (bytes(2**20 + 1), stream()):
        reply = ask(build(Predictor(models["ssdlite"])), "POST", "/predict?name=photo.jpg", data=data)
        assert reply.status == 413
        assert error_of(reply) == "photo.jpg: the file is too large; expected at most 1 MB"


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/predict", 405), ("POST", "/", 405), ("GET", "/x", 404)]
)
def test_wrong_methods_and_addresses_are_refused(models: dict[str, Path], method: str, path: str, status: int) -> None:
    reply = ask(build(Predictor(models["ssdlite"])), method, path)
    assert reply.status == status
    assert error_of(reply)


class Slow:
    """A predictor that says when it begins, and waits to be let go."""

    def __init__(self) -> None:
        self.description = SimpleNamespace(**DESCRIPTION)
        self.began: list[int] = []
        self.running = 0
        self.go = Event()

    def __call__(self, image: np.ndarray, report: Any) -> Any:
        self.running += 1
        assert self.running == 1
        self.began.append(image.shape[0])
        assert self.go.wait(10)
        self.running -= 1
        yield SimpleNamespace(to_message=dict)


DESCRIPTION = {
    "arch": SimpleNamespace(head="ssdlite", backbone="small", scores="softmax"),
    "classes": CLASSES,
    "thresholds": None,
    "preprocessing": SimpleNamespace(size=(64, 96)),
    "dataset": DatasetConfig("coco", "gone", "train", "val"),
}


def test_images_are_taken_one_by_one_in_order_while_the_server_answers() -> None:
    slow = Slow()

    async def run() -> None:
        async with TestClient(TestServer(build(slow))) as client:
            heights = [10, 11, 12, 13]
            images = [encode(np.zeros((height, 8, 3), np.uint8)) for height in heights]
            posts = []
            for image in images:
                posts.append(asyncio.ensure_future(client.post("/predict", data=image)))
                await asyncio.sleep(0.05)
            assert (await client.get("/model")).status == 200
            assert slow.began == [10]
            slow.go.set()
            assert [(await (await post).json())["height"] for post in posts] == heights
            assert slow.began == heights

    asyncio.run(run())


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("can't allocate memory: you tried to allocate")])
def test_too_little_memory_is_said(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any) -> None:
        raise error

    monkeypatch.setattr(inference, "predict", fail)
    reply = ask(build(Slow()), "POST", "/predict", data=b"x")
    assert (reply.status, error_of(reply)) == (
        413,
        "the image is too large for this machine's memory; expected a smaller one",
    )


def test_a_failure_of_the_server_is_said_without_its_insides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inference, "predict", lambda *arguments: 1 / 0)
    reply = ask(build(Slow()), "POST", "/predict", data=b"x")
    assert (reply.status, error_of(reply)) == (500, "the server failed; its terminal says why")
