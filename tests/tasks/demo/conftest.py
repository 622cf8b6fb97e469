from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from data.config import DatasetConfig
from tasks.demo.app import build_app
from tasks.demo.inference import Inference
from tasks.predict.predictor import Predictor
from tests.support.browser import running_browser, watched_page
from tests.support.pictured_models import THRESHOLDS, draw_image, encode, save_model
from tests.tasks.demo.served import serving


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Write a tiny model for each task."""
    folder = tmp_path_factory.mktemp("models")
    return {task: save_model(task, folder / f"{task}.safetensors") for task in ("ssdlite", "lraspp")}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with running_browser() as browser:
        yield browser


@pytest.fixture(scope="module", params=["ssdlite", "lraspp"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Serve a tiny model of each task, with two sample images: its predictor and its address."""
    root = tmp_path_factory.mktemp("data")
    (root / "val").mkdir()
    for number in (1, 2):
        (root / f"val/{number}.png").write_bytes(encode(draw_image(number)))
    changes: dict[str, Any] = {"dataset": DatasetConfig("coco", str(root), train="train", val="val")}
    changes |= {"thresholds": THRESHOLDS} if request.param == "ssdlite" else {}
    predictor = Predictor(save_model(request.param, root / "m.safetensors", **changes), accelerator="cpu")
    with serving(build_app(Inference(predictor), checkpoint="m.safetensors", host="127.0.0.1")) as address:
        yield predictor, address


@pytest.fixture
def page(browser: Any, site: Any) -> Iterator[Any]:
    with watched_page(browser, site[1], requests=9) as page:
        yield page
