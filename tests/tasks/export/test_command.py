"""python -m tasks.export as a whole, on runs of seconds."""

import json
import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from data.errors import InputError
from tasks.evaluate.command import evaluate
from tasks.export.command import check_targets, export, list_orders
from tasks.export.golden import FOLDER
from tasks.formats.contract import open_exported
from tasks.task import find_task
from tests.support.graphs import make_graph
from tests.support.runs import load_config


def export_run(run, out, *options):
    return export(load_config("export", f"checkpoint={run.folder / 'model.safetensors'}", f"out={out}", *options))


@pytest.fixture(scope="module", params=["ssdlite", pytest.param("lraspp", marks=pytest.mark.slow)])
def exported(request, tmp_path_factory, trained):
    """Export a small run of each task as ONNX: the run, and the file."""
    run = trained(request.param)
    options = ("images=2", "size=[64,96]") if request.param == "lraspp" else ("images=2",)
    (path,) = export_run(run, tmp_path_factory.mktemp("export") / "out", *options)
    return run, path


def test_all_lies_in_one_folder(exported):
    _, path = exported
    written = {entry.name for entry in path.parent.iterdir()}
    expected = {"README.md", "PROVENANCE.md", "model.json", "operators.csv", "parity.json", "parity.html", FOLDER}
    assert written == expected | {path.name}
    assert json.loads((path.parent / "parity.json").read_text())["passed"] is True


def test_an_exported_file_is_evaluated_like_its_checkpoint(exported, tmp_path):
    run, path = exported

    def measure(checkpoint, out):
        return evaluate(load_config("evaluate", f"checkpoint={checkpoint}", f"out={out}", "accelerator=cpu"))

    found, own = measure(path, tmp_path / "file"), measure(run.folder / "model.safetensors", tmp_path / "own")
    assert found.keys() == own.keys()
    if run.task == "ssdlite":  # whose input is of one size: the segmenter's checkpoint takes the images as they are
        assert found["mAP"] == pytest.approx(own["mAP"], abs=5e-4)
    file, checkpoint = ({entry.name for entry in (tmp_path / name).iterdir()} for name in ("file", "own"))
    assert file == checkpoint


def test_the_readme_runs_the_file_without_bneck(exported, tmp_path):
    _, path = exported
    image = np.random.default_rng(0).integers(0, 256, (80, 120, 3), dtype=np.uint8)
    Image.fromarray(image).save(tmp_path / "photo.png")
    (tmp_path / path.name).write_bytes(path.read_bytes())
    (code,) = re.findall(r"```python\n(.*?)```", (path.parent / "README.md").read_text(), flags=re.DOTALL)
    (tmp_path / "example.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "-P", "example.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    _, session = open_exported(path)
    assert done.stdout.splitlines() == [f"{port.name} {port.shape}" for port in session.outputs]


def test_what_runs_a_file_is_told_apart_from_what_converted_it(exported):
    _, path = exported
    versions = json.loads((path.parent / "model.json").read_text())["versions"]
    assert sorted(versions["run"]) == ["numpy", "onnxruntime", "opencv-python-headless", "pillow"]
    assert {"onnx", "onnxscript", "torch"} <= versions["convert"].keys()
    assert not versions["run"].keys() & versions["convert"].keys()
    needed = re.search("That needs `pip install (.*?)`", (path.parent / "README.md").read_text())
    assert f"onnxruntime=={versions['run']['onnxruntime']}" in needed[1].split()


def test_the_readme_tells_how_tensorrt_goes_on(exported):
    _, path = exported
    assert "`trtexec --onnx=model.onnx --saveEngine=model.engine" in (path.parent / "README.md").read_text()


def test_golden_vectors_are_what_the_file_gives(exported):
    _, path = exported
    index = json.loads((path.parent / FOLDER / "golden.json").read_text())["tensors"]

    def read(name):
        entry = index[name]
        return np.fromfile(path.parent / FOLDER / entry["file"], entry["dtype"]).reshape(entry["shape"])

    _, session = open_exported(path)
    found = session(read("images"))
    name = "scores" if "scores" in found else "labels"  # labels of boxes that score alike change places
    assert np.allclose(found[name], read(name), atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["argmax=low"], "argmax: not an option of detection"),
        (["precision=int8", "source=photos"], "precision=int8: needs the data set, for calibration and metric"),
        (["dataset.root=/nowhere"], "dataset: the scenes in /nowhere are gone"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_exported_leaves_nothing(options, message, tmp_path, trained, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (96, 64)).save(tmp_path / "photos/a.png")
    with pytest.raises(InputError, match=message):
        export_run(trained("ssdlite"), tmp_path / "out", *options)
    assert not (tmp_path / "out").exists()


def test_an_exported_file_is_not_exported_again(exported, tmp_path):
    _, path = exported
    with pytest.raises(InputError, match="checkpoint"):
        export(load_config("export", f"checkpoint={path}", f"out={tmp_path / 'again'}"))


def test_a_missing_package_is_named_with_the_command_that_installs_it(tmp_path, trained, monkeypatch):
    monkeypatch.setattr("tasks.formats.table.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"format=litert: litert_torch, .* pip install 'bneck\[litert\]' does it"):
        export_run(trained("ssdlite"), tmp_path / "out", "format=litert")


@pytest.mark.slow
def test_a_file_that_computes_something_else_ends_with_1(tmp_path, trained, monkeypatch):
    from tasks.formats import onnx

    convert = onnx.convert

    def swap(graph, path, conversion):
        graph.scale.data = graph.scale * 1.5
        convert(graph, path, conversion)
        graph.scale.data = graph.scale / 1.5

    monkeypatch.setattr(onnx, "convert", swap)
    with pytest.raises(SystemExit) as ended:
        export_run(trained("lraspp"), tmp_path / "out", "images=2", "size=[64,96]")
    assert ended.value.code == 1
    assert json.loads((tmp_path / "out/parity.json").read_text())["first_that_diverges"] == "preprocessing"


@pytest.mark.slow
def test_boards_are_asked_of_every_network_that_is_exported(tmp_path):
    config = load_config(
        "export", "checkpoint=coco", "format=[onnx,ncnn,litert]", "target=coral", f"out={tmp_path / 'out'}"
    )
    subject = SimpleNamespace(
        task=find_task("ssdlite"), size=(64, 96), build_graph=lambda settings: make_graph("ssdlite", nms=settings.nms)
    )
    check_targets(config, subject, list_orders(config, subject))
    whole, raw = json.loads((tmp_path / "out/targets.json").read_text())
    assert (whole["files"], raw["files"]) == (["onnx", "litert"], ["ncnn"])
    cures = [[cure for finding in row["findings"] for cure in finding["cures"]] for row in (whole, raw)]
    assert ["nms=false" in cure for cure in cures] == [True, False]


def test_no_cure_is_an_option_of_another_task(tmp_path):
    config = load_config("export", "checkpoint=voc", "format=onnx", "target=coral", "scores=true", f"out={tmp_path}")
    subject = SimpleNamespace(
        task=find_task("lraspp"), size=(64, 64), build_graph=lambda settings: make_graph("lraspp", scores=True)
    )
    check_targets(config, subject, list_orders(config, subject))
    (row,) = json.loads((tmp_path / "targets.json").read_text())
    cures = {finding["about"]: finding["cures"] for finding in row["findings"]}
    assert cures["softmax"] == ["scores=false"]
