import asyncio
import base64
import json
import re
import signal
import socket
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from PIL import Image

from data.errors import InputError
from data.images import load_mask
from tasks.predictor import Predictor
from tasks.serving import app as serving_app
from tasks.serving import inference
from tasks.serving.app import build_app
from tasks.serving.inference import Inference
from tasks.serving.samples import find_samples
from tasks.serving.server import address_of, demo, has_browser
from tests.tasks.runs import CONF, load_config
from tests.tasks.served import CLASSES, draw_image, encode, save_model


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory, randomize: Any) -> dict[str, Path]:
    """Write a tiny model for each task."""
    folder = tmp_path_factory.mktemp("models")
    return {task: save_model(task, folder / f"{task}.safetensors", randomize) for task in ("ssdlite", "lraspp")}


def build(predictor: Any, host: str = "127.0.0.1") -> web.Application:
    return build_app(Inference(predictor), checkpoint="model.safetensors", host=host)


def ask(app: web.Application, method: str, path: str, **options: Any) -> SimpleNamespace:
    """Send one request to an application that is served for it alone."""

    async def send() -> SimpleNamespace:
        async with TestClient(TestServer(app)) as client:
            response = await client.request(method, path, **options)
            body = await response.read()
            return SimpleNamespace(status=response.status, headers=response.headers, body=body)

    return asyncio.run(send())


def error_of(reply: SimpleNamespace) -> str:
    return str(json.loads(reply.body)["error"])


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


def test_the_page_is_told_the_classes_and_the_checkpoints_own_thresholds(tmp_path: Path, randomize: Any) -> None:
    path = save_model("ssdlite", tmp_path / "m.safetensors", randomize, thresholds=(0.7, 0.02, 0.74))
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


@pytest.mark.parametrize(
    ("bound", "host", "status"),
    [
        ("127.0.0.1", "localhost:9999", 200),  # another port: one that is forwarded
        ("127.0.0.1", "LOCALHOST", 200),
        ("127.0.0.1", "[::1]:8000", 200),
        ("127.0.0.1", "attacker.example", 403),
        ("127.0.0.1", "localhost.attacker.example:8000", 403),
        ("127.0.0.1", "127.0.0.1.nip.example", 403),
        ("127.0.0.1", "192.168.0.7:8000", 403),
        ("127.0.0.1", "", 403),
        ("127.0.0.1", "[", 403),
        ("0.0.0.0", "192.168.0.7:8000", 200),
        ("0.0.0.0", socket.gethostname(), 200),
        ("0.0.0.0", "attacker.example", 403),
        ("box.local", "box.local:8000", 200),
    ],
)
def test_only_names_of_this_server_are_answered(models: dict[str, Path], bound: str, host: str, status: int) -> None:
    reply = ask(build(Predictor(models["ssdlite"]), bound), "GET", "/model", headers={"Host": host})
    assert reply.status == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://localhost:8000"}, 200),
        ({"Origin": "http://attacker.example"}, 403),
        ({"Origin": "http://localhost:9000"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({}, 200),
    ],
)
def test_other_sites_are_refused(models: dict[str, Path], headers: dict[str, str], status: int) -> None:
    headers = {"Host": "localhost:8000", **headers}
    reply = ask(build(Predictor(models["ssdlite"])), "POST", "/predict", data=encode(draw_image()), headers=headers)
    assert reply.status == status


@pytest.mark.parametrize("path", ["/", "/main.js", "/model", "/nothing"])
def test_every_answer_keeps_the_page_to_itself(models: dict[str, Path], path: str) -> None:
    headers = ask(build(Predictor(models["ssdlite"])), "GET", path).headers
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


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
        yield SimpleNamespace(mask=None, labels=np.zeros(0), scores=np.zeros(0), boxes=np.zeros((0, 4)))


DESCRIPTION = {
    "arch": SimpleNamespace(head="ssdlite", backbone="small"),
    "classes": CLASSES,
    "thresholds": None,
    "preprocessing": SimpleNamespace(size=(64, 96)),
    "dataset": {},
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


def make_images(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(draw_image()))


@pytest.mark.parametrize("place", ["val", "images/val", "val/images", "coco/val", "leftImg8bit/val/city"])
def test_samples_are_spread_over_the_images_of_the_split(place: str, tmp_path: Path) -> None:
    make_images(*(tmp_path / place / f"{number:02d}.png" for number in range(24)))
    found = find_samples({"root": str(tmp_path), "val": "val"})
    assert [path.name for path in found] == [f"{number:02d}.png" for number in range(0, 24, 2)]


@pytest.mark.parametrize("dataset", [{}, {"root": "gone", "val": "val"}, {"root": None, "val": None}])
def test_there_are_no_samples_where_there_is_no_data(dataset: dict[str, Any]) -> None:
    assert find_samples(dataset) == []


def test_samples_are_served_by_their_number_alone(models: dict[str, Path], tmp_path: Path, randomize: Any) -> None:
    make_images(tmp_path / "val/a.png")
    dataset = {"name": "coco", "root": str(tmp_path), "val": "val"}
    path = save_model("ssdlite", tmp_path / "m.safetensors", randomize, dataset=dataset)
    predictor = Predictor(path)
    assert json.loads(ask(build(predictor), "GET", "/model").body)["samples"] == ["a.png"]
    assert ask(build(predictor), "GET", "/samples/0").body == encode(draw_image())
    thumbnail = Image.open(BytesIO(ask(build(predictor), "GET", "/samples/0/thumbnail").body))
    assert (thumbnail.format, thumbnail.size) == ("JPEG", (144, 96))
    for wrong in ("/samples/1", "/samples/-1", "/samples/../m.safetensors", "/samples/a.png"):
        assert ask(build(predictor), "GET", wrong).status == 404


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["port=70000"], "port: 70000; expected 1 to 65535, or 0 for any"),
        (["port=www"], "port: 'www'; expected a whole number"),
        (["host=''"], "host: ''; expected 127.0.0.1"),
        (["host=a..b"], "host: cannot listen at 'a..b'"),
        (["host=192.0.2.1"], "host: cannot listen at '192.0.2.1'"),
        (["open=2"], "open: 2; expected true or false"),
        (["checkpoint=gone.ckpt"], "checkpoint: no file gone.ckpt"),
    ],
)
def test_wrong_options_are_refused_by_name(options: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        demo(load_config("demo", "checkpoint=x", "port=0", *options))


def test_a_port_that_is_taken_is_said_before_the_model_is_loaded() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(InputError, match=f"port: {port} is taken; expected a free one, or 0 for any"):
            demo(load_config("demo", "checkpoint=gone.ckpt", f"port={port}"))


def test_the_address_is_one_that_a_browser_takes() -> None:
    assert address_of("127.0.0.1", 80) == "http://127.0.0.1:80"
    assert address_of("0.0.0.0", 80) == "http://127.0.0.1:80"
    assert address_of("::1", 80) == "http://[::1]:80"


def test_no_browser_is_opened_without_a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert not has_browser()
    monkeypatch.setenv("DISPLAY", ":0")
    assert has_browser()


def test_the_command_says_its_address_and_ends_at_an_interrupt_with_one_line(models: dict[str, Path]) -> None:
    options = [f"checkpoint={models['ssdlite']}", "port=0", "open=false", "accelerator=cpu", "host=0.0.0.0"]
    command = [sys.executable, "-m", "tasks.demo", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=CONF.parent) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("host=0.0.0.0: whoever reaches this machine's port")
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+ \(Ctrl-C ends it\)\n", process.stderr.readline())
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == "stopped\n"
        assert process.wait(10) == 0
