"""Predictions on a Ray cluster of two nodes, both on this machine, from object storage, against a single process's."""

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
from typing import Any

import numpy as np
import pytest
from PIL import Image

from data.classes import ClassTable
from data.errors import InputError, RunError
from data.storage import find_cloud
from tasks.predict.command import predict
from tasks.predict.outbox import Outbox
from tasks.predict.predictor import Predictor
from tests.support.class_trees import write_images
from tests.support.runs import load_config
from tests.support.s3_server import ROOT, Server, running
from tests.support.untrained import write_untrained

COUNT = 23  # images
CLASSES = ClassTable.create(["cat", "dog", "bird"], [1, 5, 9])


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
