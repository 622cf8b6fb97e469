"""Many images in parts: each once, and what is done is not done again."""

import json
import os
import shutil
from io import BytesIO
from pathlib import Path
from socket import gethostname
from typing import Any

import pytest

from data.classes import ClassTable
from data.errors import AccessError, InputError
from data.streams.objects import list_images
from tasks.predict import many
from tasks.predict.model_files import identify
from tasks.predict.outbox import Outbox
from tasks.predict.parts import Plan, begin, finish, write_part
from tasks.predict.rows import encode_rows
from tests.support.class_trees import write_images
from tests.support.commands import run_command
from tests.support.exports import export_small, small_model
from tests.support.untrained import write_untrained

CLASSES = ClassTable.create(["cat", "dog", "bird"], [1, 5, 9])


def make_plan(count: int = 10, **settings: Any) -> Plan:
    return Plan([f"{number}.png" for number in range(count)], 4, "jsonl", settings)


def test_each_image_is_in_one_part():
    plan = make_plan()
    assert [plan.take(part) for part in range(plan.parts)] == [list(plan.images[i : i + 4]) for i in (0, 4, 8)]


def test_what_has_a_receipt_is_not_done_again(tmp_path):
    out = Outbox(str(tmp_path), patience=1)
    assert begin(make_plan(), out) == [0, 1, 2]
    write_part(make_plan(), 1, out, b"{}\n", images=3, failed={"5.png": "broken"})
    (tmp_path / "results/part-000002.jsonl").write_bytes(b"cut before its receipt")
    assert begin(make_plan(), out) == [0, 2]
    for part in (0, 2):
        write_part(make_plan(), part, out, b"{}\n", images=1, failed={})
    finish(make_plan(), out)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert (manifest["images"], manifest["failed"], len(manifest["parts"])) == (5, 1, 3)
    assert manifest["parts"][1]["failed"] == {"5.png": "broken"}


def test_other_results_are_not_mixed_with_those_that_are_there(tmp_path):
    out = Outbox(str(tmp_path), patience=1)
    begin(make_plan(threshold=0.5), out)
    with pytest.raises(InputError, match=r"holds other results, as these differ: threshold; expected a new place"):
        begin(make_plan(threshold=0.4), out)
    with pytest.raises(InputError, match="differ: images, sha256, threshold"):
        begin(make_plan(11), out)


def test_a_place_that_holds_something_else_is_not_written_to(tmp_path, monkeypatch):
    (tmp_path / "classes.json").write_text("mine")
    with pytest.raises(InputError, match=r"out: .* exists and is not empty; expected a new folder"):
        begin(make_plan(), Outbox(str(tmp_path), patience=1))
    assert [path.name for path in tmp_path.iterdir()] == ["classes.json"]
    monkeypatch.setattr(Outbox, "read", lambda self, name: None)
    monkeypatch.setattr(Outbox, "list_names", lambda self, folder: {"part-000000.jsonl"})
    with pytest.raises(InputError, match=r"out: s3://bucket/found holds results, but no plan.json; expected a new"):
        begin(make_plan(), Outbox("s3://bucket/found", patience=1))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "missing; the same command does its part anew"),
        (b'{"file": "a", "images": 1, "failed": [], "bytes": 1, "sha256": ""}', "Expected `object`.*; remove it: the"),
        (b'{"file": "a"', "; remove it: the same command does its part anew"),
        (b"[]", "; remove it: the same command does its part anew"),
    ],
)
def test_a_receipt_that_is_none_is_named(tmp_path, content, message):
    out = Outbox(str(tmp_path), patience=1)
    for part in range(3):
        write_part(make_plan(), part, out, b"{}\n", images=4, failed={})
    receipt = tmp_path / "receipts/part-000001.json"
    receipt.unlink() if content is None else receipt.write_bytes(content)
    with pytest.raises(InputError, match=rf"receipts/part-000001.json: .*{message}"):
        finish(make_plan(), out)


def test_a_folder_is_known_to_nodes_by_its_whole_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Outbox("found/", patience=1).place == str(tmp_path / "found")
    assert Outbox("s3://bucket/found/", patience=1).place == "s3://bucket/found"


def test_rows_without_boxes_have_the_columns_of_others():
    parquet = pytest.importorskip("pyarrow.parquet")
    full = {"file": "a", "height": 2, "width": 3, "labels": [1], "scores": [0.5], "boxes": [[0.0, 1.0, 2.0, 3.0]]}
    empty = {**full, "labels": [], "scores": [], "boxes": []}
    one, two = (parquet.read_table(BytesIO(encode_rows([row], "parquet"))) for row in (full, empty))
    assert one.schema == two.schema
    assert one.to_pylist() == [full]
    assert [json.loads(line) for line in encode_rows([full, empty], "jsonl").splitlines()] == [full, empty]


def test_a_list_names_each_image_once(tmp_path):
    (tmp_path / "list.txt").write_text("/b.png\n\ns3://bucket/a.png\n")
    assert list_images(str(tmp_path / "list.txt"), patience=1) == ["/b.png", "s3://bucket/a.png"]
    (tmp_path / "list.txt").write_text("b.png\na.png\n./b.png\n")
    with pytest.raises(InputError, match=r"names .*/b.png 2 times; expected each image once"):
        list_images(str(tmp_path / "list.txt"), patience=1)
    (tmp_path / "list.txt").write_text("\n")
    with pytest.raises(InputError, match="no images at"):
        list_images(str(tmp_path / "list.txt"), patience=1)


def test_paths_of_a_list_are_relative_to_its_folder(tmp_path, monkeypatch):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/list.txt").write_text("a.png\n../b.png\n")
    monkeypatch.chdir(tmp_path)
    found = [f"{tmp_path}/photos/a.png", f"{tmp_path}/photos/../b.png"]
    assert list_images("photos/list.txt", patience=1) == found
    monkeypatch.setattr("data.streams.objects.read_object", lambda place, most, patience: b"a.png\nmore/b.png")
    found = ["s3://bucket/photos/a.png", "s3://bucket/photos/more/b.png"]
    assert list_images("s3://bucket/photos/list.txt", patience=1) == found


def test_a_list_may_be_of_windows_and_its_names_hold_what_names_may(tmp_path):
    (tmp_path / "list.txt").write_bytes("\ufeff/a\u2028b.png\r\n/caf".encode() + b"\xe9.png\r\n")
    assert list_images(str(tmp_path / "list.txt"), patience=1) == ["/a\u2028b.png", os.fsdecode(b"/caf\xe9.png")]


def test_an_address_of_no_known_storage_in_a_list_is_refused(tmp_path):
    (tmp_path / "list.txt").write_text("a.png\nhttp://host/b.png\n")
    with pytest.raises(InputError, match=r"source: .*list.txt: http://host/b.png; expected s3://BUCKET/NAME"):
        list_images(str(tmp_path / "list.txt"), patience=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["engine=ray"], "out: expected a folder or an address"),
        (["engine=ray", "out=a", "pictures=png"], "pictures: not an option of engine=ray; leave it out"),
        (["engine=ray", "out=a", "results=coco"], "results: coco; with engine=ray choose from jsonl, parquet"),
        (["part_images=8"], "part_images: not an option of engine=local; leave it out"),
        (["out=s3://bucket/a"], "s3://bucket/a: not read or written by engine=local; expected engine=ray, or a path"),
    ],
)
def test_an_option_of_the_other_engine_is_refused(options, message, monkeypatch, capsys):
    given = ("checkpoint=a.safetensors", "source=b", *options)
    ended = run_command("predict", *given, monkeypatch=monkeypatch, capsys=capsys)
    assert (ended.status, message in ended.said) == (2, True), ended.said


def test_without_ray_one_line_says_how_to_install_it(monkeypatch, capsys):
    monkeypatch.setattr(many, "find_spec", lambda name: None)
    given = ("checkpoint=a.safetensors", "source=b", "engine=ray", "out=c")
    ended = run_command("predict", *given, monkeypatch=monkeypatch, capsys=capsys)
    assert ended.said.strip() == "error: engine=ray: ray is not installed; pip install 'bneck[ray]' does it"


def test_of_a_part_that_a_node_has_no_access_to_nothing_is_written(tmp_path, monkeypatch):
    cluster = pytest.importorskip("tasks.predict.cluster", exc_type=ImportError)

    def refuse(place, *, most, patience):
        raise AccessError(f"{place}: no credentials")

    monkeypatch.setattr("data.streams.objects.read_object", refuse)
    checkpoint = write_untrained("classify", tmp_path, CLASSES)
    options = {"accelerator": "cpu", "batch_size": 4}
    work = cluster.Work(checkpoint, {}, options, make_plan(0), str(tmp_path / "out"), patience=1)
    images = write_images(tmp_path / "images", ["a.png"])
    row = {"part": 3, "images": [str(images / "a.png"), "s3://bucket/b.png", "s3://bucket/c.png"]}
    found = cluster.PartPredictor(work)(row)
    assert found["error"] == f"node {gethostname()}: s3://bucket/b.png: no credentials"
    assert (found["part"], found["images"], found["failed"]) == (3, 0, 0)
    assert not (tmp_path / "out").exists()


def test_a_node_has_all_files_of_an_exported_checkpoint(tmp_path, monkeypatch):
    cluster = pytest.importorskip("tasks.predict.cluster", exc_type=ImportError)
    pytest.importorskip("onnxruntime")
    path = export_small(small_model("classify"), tmp_path / "export")
    (tmp_path / "export/notes.txt").write_text("not of the model")
    monkeypatch.setattr(cluster.ray, "put", lambda content: content)
    monkeypatch.setattr(cluster.ray, "get", lambda content: content)
    files, known = cluster.share(path), identify(path)
    assert set(files) == {"model.onnx", "model.json"}
    images = write_images(tmp_path / "images", ["a.png"])
    shutil.rmtree(path.parent)
    work = cluster.Work(path, files, {"accelerator": "cpu"}, make_plan(0), str(tmp_path / "out"), patience=1)
    found = cluster.PartPredictor(work)({"part": 0, "images": [str(images / "a.png")]})
    assert found == {"part": 0, "images": 1, "failed": 0, "error": ""}
    export_small(small_model("ssdlite"), tmp_path / "export")
    assert identify(path) != known


def test_what_a_checkpoint_is_known_by_is_its_content_or_its_name(tmp_path, monkeypatch):
    for name in ("a.ckpt", "b.ckpt"):
        (tmp_path / name).write_bytes(b"weights")
    assert identify(tmp_path / "a.ckpt") == identify(tmp_path / "b.ckpt")
    (tmp_path / "b.ckpt").write_bytes(b"others")
    assert identify(tmp_path / "a.ckpt") != identify(tmp_path / "b.ckpt")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "coco").mkdir()
    (tmp_path / "coco/a.jpg").write_bytes(b"of a data set of this name")
    assert identify(Path("coco")) == "coco"
