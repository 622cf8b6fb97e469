import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from data.bounded.content import hash_file
from data.errors import InputError
from tasks.export.web.runtime import FILES
from tasks.export.web.writing import PAGE, check_shown, write_page
from tasks.formats.contract import Contract, ExportedFile, open_exported
from tasks.formats.ports import Port
from tasks.formats.settings import GraphSettings
from tasks.page.files import SHARED
from tests.support.pictured_models import CLASSES
from tests.support.runs import describe, small_run

IMAGES = Port("images", (1, 64, 96, 3), "uint8")
LABELS = Port("labels", (1, 64, 96), "uint8")
FILE = ExportedFile("onnx", "fp32", 5, {}, IMAGES, (LABELS,))


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    """Write files that bear the names of onnxruntime-web's."""
    folder = tmp_path / "runtime"
    folder.mkdir()
    for name in FILES:
        (folder / name).write_text(name)
    return folder


def test_the_folder_holds_page_model_runtime_and_licences_and_nothing_else(tmp_path: Path, runtime: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"model")
    description = describe(small_run("lraspp", tmp_path / "run"), CLASSES)
    contract = Contract(description, GraphSettings(size=(64, 96)), {"net.onnx": FILE, "net.tflite": FILE})
    write_page(tmp_path / "web", tmp_path / "net.onnx", contract, runtime=runtime)
    page = {path.name for folder in (SHARED, PAGE) for path in folder.iterdir()}
    found = {path.relative_to(tmp_path / "web").as_posix() for path in (tmp_path / "web").rglob("*") if path.is_file()}
    inner = ("ort.wasm.bundle.min.js", "ort-wasm-simd-threaded.wasm", "LICENSE", "ThirdPartyNotices.txt")
    assert found == page | {"net.onnx", "model.json"} | {f"onnxruntime-web/{name}" for name in inner}
    assert list(json.loads((tmp_path / "web/model.json").read_text())["files"]) == ["net.onnx"]
    assert "MIT License" in (tmp_path / "web/onnxruntime-web/LICENSE").read_text()


@pytest.mark.slow
def test_the_model_in_the_folder_is_used_like_any_exported_file(export: Any, runtime: Path, tmp_path: Path) -> None:
    source = export("lraspp")
    contract, _ = open_exported(source / "model.onnx")
    write_page(tmp_path / "web", source / "model.onnx", contract, runtime=runtime)
    write_page(tmp_path / "web", tmp_path / "web/model.onnx", contract, runtime=runtime)  # over itself
    again, session = open_exported(tmp_path / "web/model.onnx")
    assert again == contract
    assert session.input == IMAGES
    assert hash_file(tmp_path / "web/model.onnx") == hash_file(source / "model.onnx")


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (replace(FILE, format="litert"), "m: litert; a page runs onnx"),
        (replace(FILE, input=Port("images", (1, 3, 64, 96), "float32")), "m: input=float; a page needs input=uint8"),
        (replace(FILE, input=Port("images", (4, 64, 96, 3), "uint8")), "m: batch=4; a page needs batch=1"),
        (replace(FILE, outputs=(Port("logits", (1, 3, 8, 12), "float32"),)), "m: nms=false or argmax=none"),
        (replace(FILE, outputs=(Port("boxes", (1, 9, 4), "float16"), LABELS)), "m: boxes is float16; a page reads"),
    ],
)
def test_what_a_page_cannot_show_is_refused_by_name(file: ExportedFile, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_shown(Path("m"), file)


def test_any_number_of_images_will_do() -> None:
    check_shown(Path("m"), replace(FILE, input=Port("images", (None, 64, 96, 3), "uint8")))
