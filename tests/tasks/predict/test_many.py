"""Many images on a cluster: each once, as a single process would have it, and what is done is not done again."""

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from socket import gethostname
from typing import Any

import numpy as np
import pytest
from PIL import Image

from data.classes import ClassTable
from data.errors import AccessError, InputError, RunError
from data.storage import find_cloud
from data.streams.objects import list_images
from tasks.predict import many
from tasks.predict.command import predict
from tasks.predict.model_files import identify
from tasks.predict.outbox import Outbox
from tasks.predict.parts import Plan, begin, finish, write_part
from tasks.predict.predictor import Predictor
from tasks.predict.rows import encode_rows
from tests.support.class_trees import write_images
from tests.support.commands import run_command
from tests.support.exports import export_small, small_model
from tests.support.runs import load_config
from tests.support.s3_server import ROOT, Server, running
from tests.support.untrained import write_untrained

COUNT = 23  # images
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


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start a server that holds images, one of them broken, and two nodes that know it."""
    pytest.importorskip("moto")
    cluster_utils = pytest.importorskip("ray.cluster_utils")
    import ray

    folder = tmp_path_factory.mktemp("buckets")
    names = [f"data/photos/{'ab'[number % 2]}/{number:02d}.png" for number in range(COUNT)]
    write_images(folder, names, size=(60, 80))
    (folder / "data/photos/notes.txt").write_text("no image")
    (folder / "results").mkdir()
    with running(folder) as server, pytest.MonkeyPatch.context() as patch:
        for name, value in {**server.variables, "RAY_DISABLE_DOCKER_CPU_WARNING": "1"}.items():
            patch.setenv(name, value)
        find_cloud.cache_clear()
        nodes = cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        nodes.add_node(num_cpus=1)
        patch.setenv("RAY_ADDRESS", nodes.address)
        yield server
        ray.shutdown()
        nodes.shutdown()


def options_for(checkpoint: Path, out: str, *more: str) -> list[str]:
    threshold = [] if "lraspp" in checkpoint.name else ["threshold=0"]
    given = [f"checkpoint={checkpoint}", "source=s3://data/photos", f"out={out}", "engine=ray", "part_images=4"]
    return [*given, *threshold, "batch_size=4", "accelerator=cpu", *more]


def make_checkpoint(task: str, folder: Path) -> Path:
    (folder / task).mkdir()
    path = write_untrained(task, folder / task, CLASSES)
    return path.rename(path.with_name(f"{task}{path.suffix}"))


def read_results(out: str) -> dict[str, dict[str, Any]]:
    """Return the rows by the files' names, each of which must come once."""
    box = Outbox(out, patience=10)
    manifest = json.loads(box.read("manifest.json") or b"")
    contents = [box.read(part["file"]) or b"" for part in manifest["parts"]]
    if manifest["parts"][0]["file"].endswith("parquet"):
        from pyarrow import parquet

        rows = [row for content in contents for row in parquet.read_table(BytesIO(content)).to_pylist()]
    else:
        rows = [json.loads(line) for content in contents for line in content.splitlines()]
    found = {row["file"].rpartition("/")[2]: row for row in rows}
    assert len(found) == len(rows) == manifest["images"]
    return found


def check_same(rows: dict[str, dict[str, Any]], checkpoint: Path, images: Path) -> None:
    """Check rows against what a single process finds."""
    options: dict[str, Any] = {} if "lraspp" in checkpoint.name else {"threshold": 0}
    predictor = Predictor(checkpoint, batch_size=4, accelerator="cpu", **options)
    predictions = {Path(each.file).name: each for each in predictor(str(images / "*/*.png"))}
    assert predictions.keys() == rows.keys()
    for name, each in predictions.items():
        wanted, row = each.to_row(), rows[name]
        assert (row["height"], row["width"]) == each.image.shape[:2]
        if "mask" in wanted:
            picture = Image.open(BytesIO(base64.b64decode(row["mask"].partition(",")[2])))
            assert np.array_equal(np.array(picture), each.mask)
            continue
        assert row["labels"] == wanted["labels"]
        for column in wanted.keys() - {"labels"}:
            np.testing.assert_allclose(row[column], wanted[column], rtol=1e-5, atol=1e-4)


@pytest.mark.slow
@pytest.mark.xdist_group("ray")
@pytest.mark.parametrize(("task", "form"), [("ssdlite", "jsonl"), ("lraspp", "jsonl"), ("classify", "parquet")])
def test_a_cluster_finds_what_a_single_process_does(task: str, form: str, tmp_path: Path, cluster: Server) -> None:
    checkpoint, out = make_checkpoint(task, tmp_path), f"s3://results/{task}"
    assert predict(load_config("predict", *options_for(checkpoint, out, f"results={form}"))) == COUNT
    rows = read_results(out)
    assert len(rows) == COUNT
    check_same(rows, checkpoint, cluster.folder / "data/photos")


@pytest.mark.slow
@pytest.mark.xdist_group("ray")
def test_a_driver_that_is_killed_goes_on_with_what_is_missing(tmp_path: Path, cluster: Server) -> None:
    checkpoint, out = make_checkpoint("ssdlite", tmp_path), tmp_path / "out"
    command = [sys.executable, "-m", "tasks.predict", *options_for(checkpoint, str(out), "part_images=1")]
    process = subprocess.Popen(command, cwd=ROOT, env=dict(os.environ), start_new_session=True)
    while len(list((out / "receipts").glob("[!.]*"))) < 3:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    time.sleep(3)  # until Ray has ended what the driver began
    done = {path: path.stat().st_mtime_ns for path in (out / "receipts").glob("[!.]*")}
    assert 3 <= len(done) < COUNT
    assert not (out / "manifest.json").exists()
    predict(load_config("predict", *options_for(checkpoint, str(out), "part_images=1")))
    assert all(path.stat().st_mtime_ns == written for path, written in done.items())
    check_same(read_results(str(out)), checkpoint, cluster.folder / "data/photos")


@pytest.mark.slow
@pytest.mark.xdist_group("ray")
def test_images_that_cannot_be_read_are_listed_and_the_others_go_on(tmp_path: Path, cluster: Server) -> None:
    checkpoint, out = make_checkpoint("classify", tmp_path), tmp_path / "out"
    images = [str(path) for path in sorted((cluster.folder / "data/photos").glob("*/*.png"))[:5]]
    (tmp_path / "broken.png").write_bytes(Path(images[0]).read_bytes()[:100])
    wrong = [str(tmp_path / "broken.png"), "s3://data/none.png"]
    (tmp_path / "list.txt").write_text("\n".join([*images[:2], *wrong, *images[2:]]))
    options = [*options_for(checkpoint, str(out)), f"source={tmp_path / 'list.txt'}"]
    with pytest.raises(InputError, match=r"source: 2 could not be read, listed in .*manifest.json"):
        predict(load_config("predict", *options))
    parts = json.loads((out / "manifest.json").read_text())["parts"]
    assert [place for part in parts for place in part["failed"]] == wrong
    assert set(read_results(str(out))) == {Path(path).name for path in images}
    shutil.rmtree(out)


@pytest.mark.slow
@pytest.mark.xdist_group("ray")
def test_what_a_node_fails_at_ends_the_run_and_no_image_is_done(tmp_path: Path, cluster: Server) -> None:
    checkpoint, out = make_checkpoint("classify", tmp_path), tmp_path / "out"
    (tmp_path / "list.txt").write_text("none/a.png")
    options = [*options_for(checkpoint, str(out)), f"source={tmp_path / 'list.txt'}"]
    said = r"engine=ray: node .*: .*/none/a.png: this machine has no folder .*; the same command goes on with"
    with pytest.raises(RunError, match=said):
        predict(load_config("predict", *options))
    assert not (out / "receipts").exists()
