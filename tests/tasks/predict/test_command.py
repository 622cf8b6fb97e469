import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from data.errors import InputError
from data.images import load_mask
from tasks.detection.metrics import evaluate_detections
from tasks.detection.prediction import BoxPrediction
from tasks.detection.results import JsonResults, to_coco
from tasks.evaluate.command import evaluate
from tasks.loaders import open_split
from tasks.predict.command import predict
from tasks.predict.predictor import Predictor
from tasks.predict.writers import Pictures
from tasks.segmentation.metrics import ConfusionMatrix, evaluate_segmentation
from tests.support.runs import load_config
from tests.support.trained import Trained
from tests.support.untrained import write_untrained

pytestmark = pytest.mark.usefixtures("blank_figures")


@pytest.fixture(scope="module", params=["ssdlite", "lraspp"])
def run(request: pytest.FixtureRequest, trained: Callable[[str], Trained]) -> tuple[str, Path]:
    """Return each task's name and the folder of its run."""
    return request.param, trained(request.param).folder


def validation_images(run: Path, task: str) -> Path:
    data = run.parent / "synthetic"
    return data / "coco/val" if task == "ssdlite" else data / "cityscapes/leftImg8bit/val/synthetic"


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_every_image_of_a_folder_gets_a_picture_and_results(run: tuple[str, Path], suffix: str, tmp_path: Path) -> None:
    task, folder = run
    source = validation_images(folder, task)
    options = [
        f"checkpoint={folder / 'model.safetensors'}",
        f"source={source}",
        f"out={tmp_path / 'out'}",
        f"pictures={suffix}",
    ]
    assert predict(load_config("predict", *options)) == 4
    pictures = sorted((tmp_path / "out/pictures").glob(f"*.{suffix}"))
    assert [path.stem for path in pictures] == sorted(path.stem for path in source.iterdir())
    assert np.array(Image.open(pictures[0])).shape[1] == 384


@pytest.mark.parametrize("run", ["ssdlite"], indirect=True)
def test_predicted_and_evaluated_boxes_are_the_same(run: tuple[str, Path], tmp_path: Path) -> None:
    predict_and_evaluate(run, tmp_path)
    predicted, evaluated = (json.loads((tmp_path / out / "results.json").read_text()) for out in ("p", "e"))
    assert [{k: v for k, v in result.items() if k != "file_name"} for result in predicted] == evaluated
    assert len(evaluated) > 0


@pytest.mark.parametrize("run", ["lraspp"], indirect=True)
def test_predicted_and_evaluated_masks_are_the_same(run: tuple[str, Path], tmp_path: Path) -> None:
    predict_and_evaluate(run, tmp_path)
    masks = sorted((tmp_path / "e/predictions").iterdir())
    assert len(masks) == 4
    for path in masks:
        np.testing.assert_array_equal(load_mask(tmp_path / "p/predictions" / path.name), load_mask(path))


@pytest.mark.parametrize("run", ["ssdlite"], indirect=True)
def test_boxes_of_the_python_api_score_what_evaluation_says(run: tuple[str, Path], tmp_path: Path) -> None:
    task, folder = run
    evaluated = evaluate(load_config("evaluate", f"checkpoint={folder / 'model.safetensors'}", f"out={tmp_path / 'e'}"))
    predictor = Predictor(folder / "model.safetensors", threshold=0.0)
    reader = open_split(predictor.task, predictor.description.dataset, "val")
    results = []
    for image_id, prediction in zip(reader.image_ids, predictor(validation_images(folder, task)), strict=True):
        results += to_coco(prediction, image_id=int(image_id))
    metrics = evaluate_detections(reader.ground_truth(), results)
    assert metrics.summary["mAP"] == pytest.approx(evaluated["mAP"], abs=1e-6)


@pytest.mark.parametrize("run", ["lraspp"], indirect=True)
def test_masks_of_the_python_api_score_what_evaluation_says(run: tuple[str, Path], tmp_path: Path) -> None:
    task, folder = run
    evaluated = evaluate(load_config("evaluate", f"checkpoint={folder / 'model.safetensors'}", f"out={tmp_path / 'e'}"))
    predictor = Predictor(folder / "model.safetensors")
    classes = predictor.description.classes
    reader, confusion = open_split(predictor.task, predictor.description.dataset, "val"), ConfusionMatrix(len(classes))
    for index, prediction in enumerate(predictor(validation_images(folder, task))):
        truth = torch.from_numpy(reader[index].mask)[None]
        confusion.update(torch.from_numpy(prediction.mask)[None].long(), truth)
    metrics = evaluate_segmentation(confusion.matrix, classes)
    assert metrics.summary["mIoU"] == pytest.approx(evaluated["mIoU"], abs=1e-6)


def predict_and_evaluate(run: tuple[str, Path], tmp_path: Path) -> None:
    task, folder = run
    checkpoint = f"checkpoint={folder / 'checkpoints/best.ckpt'}"
    options = [checkpoint, f"source={validation_images(folder, task)}", f"out={tmp_path / 'p'}"]
    predict(load_config("predict", *options, *(["threshold=0"] if task == "ssdlite" else [])))
    evaluate(load_config("evaluate", checkpoint, f"out={tmp_path / 'e'}", "accelerator=cpu"))


def test_a_file_and_a_pattern_are_sources_too(run: tuple[str, Path], tmp_path: Path) -> None:
    task, folder = run
    images = sorted(validation_images(folder, task).iterdir())
    checkpoint = f"checkpoint={folder / 'model.safetensors'}"
    pattern = f"{images[0].parent}/*0[12]{images[0].suffix if task == 'ssdlite' else '_left*'}"
    assert predict(load_config("predict", checkpoint, f"source={images[0]}", f"out={tmp_path / 'one'}")) == 1
    assert predict(load_config("predict", checkpoint, f"source='{pattern}'", f"out={tmp_path / 'some'}")) == 2


@pytest.mark.parametrize("run", ["ssdlite"], indirect=True)
def test_the_threshold_decides_what_is_drawn_and_written(run: tuple[str, Path], tmp_path: Path) -> None:
    task, folder = run
    image = sorted(validation_images(folder, task).iterdir())[0]
    base = [f"checkpoint={folder / 'model.safetensors'}", f"source={image}", "pictures=png"]
    for threshold in (0.0, 1.0):
        predict(load_config("predict", *base, f"threshold={threshold}", f"out={tmp_path / str(threshold)}"))
    drawn, plain = (np.array(Image.open(tmp_path / f"{t}/pictures/{image.stem}.png")) for t in (0.0, 1.0))
    assert not np.array_equal(drawn, plain)
    np.testing.assert_array_equal(plain, np.array(Image.open(image)))
    all_of_them, none = (json.loads((tmp_path / t / "results.json").read_text()) for t in ("0.0", "1.0"))
    assert len(all_of_them) > 0
    assert none == []


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an untrained checkpoint of each task, and four images."""
    folder = tmp_path_factory.mktemp("untrained")
    for task in ("ssdlite", "lraspp"):
        write_untrained(task, folder)
    (folder / "images").mkdir()
    for number in range(4):
        Image.new("RGB", (90, 70), (number * 60, 100, 100)).save(folder / f"images/{number}.png")
    return folder


def options(untrained: Path, task: str, out: Path, *more: str) -> list[str]:
    source = untrained / "images"
    return [f"checkpoint={untrained / task}.safetensors", f"source={source}", f"out={out}", *more]


def test_results_are_a_table_on_request(untrained: Path, tmp_path: Path) -> None:
    more = ("results=csv", "threshold=0.1", "classes=[cat,cow]", "pictures=none")
    assert predict(load_config("predict", *options(untrained, "ssdlite", tmp_path / "out", *more))) == 4
    lines = (tmp_path / "out/results.csv").read_text().splitlines()
    assert lines[0].startswith("file,frame,seconds,class,score")
    assert {line.split(",")[3] for line in lines[1:]} == {"cat", "cow"}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["classes.json", "results.csv"]
    classes = json.loads((tmp_path / "out/classes.json").read_text())
    assert [(entry["id"], entry["name"]) for entry in classes] == [(3, "cat"), (7, "dog"), (8, "cow")]


@pytest.mark.parametrize(
    ("task", "option", "message"),
    [
        ("ssdlite", "results=png", "results: png, but the checkpoint gives boxes; choose from coco, csv, none"),
        ("lraspp", "results=csv", "results: csv, but the checkpoint gives masks"),
        ("ssdlite", "results=xml", "results: unknown 'xml'; choose from"),
        ("ssdlite", "pictures=gif", "pictures: unknown 'gif'"),
        ("ssdlite", "videos=avi", "videos: unknown 'avi'"),
        ("ssdlite", "classes=[bird]", "classes: unknown 'bird'; choose from cat, dog, cow"),
        ("ssdlite", "every=0", "every: 0; expected an integer from 1"),
        ("ssdlite", "source=7", "no camera 7"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    task: str, option: str, message: str, untrained: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        predict(load_config("predict", *options(untrained, task, tmp_path / "out", option)))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("task", ["ssdlite", "lraspp"])
def test_the_last_line_says_what_was_found(
    task: str, untrained: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    predict(load_config("predict", *options(untrained, task, tmp_path / "out")))
    if task == "ssdlite":
        found = f"{len(json.loads((tmp_path / 'out/results.json').read_text()))} boxes"
    else:
        masks = [load_mask(path) for path in (tmp_path / "out/predictions").iterdir()]
        count = len(np.unique(masks))
        found = f"masks of {count} {'class' if count == 1 else 'classes'}"
    assert caplog.messages[-1] == f"4 images, {found}, written to {tmp_path / 'out'}"


def test_a_source_of_which_nothing_can_be_read_says_so(untrained: Path, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / "images" / name).write_text("hello")
    with pytest.raises(InputError, match="2 could not be read or written, see above; there are no others"):
        predict(load_config("predict", *options(untrained, "ssdlite", tmp_path / "out"), f"source={tmp_path}/images"))


def test_a_damaged_image_costs_its_own_results_alone(untrained: Path, tmp_path: Path) -> None:
    source = tmp_path / "images"
    shutil.copytree(untrained / "images", source)
    (source / "2.png").write_bytes((source / "2.png").read_bytes()[:60])
    with pytest.raises(InputError, match=r"1 could not be read.* holds all the others"):
        predict(load_config("predict", *options(untrained, "lraspp", tmp_path / "out"), f"source={source}"))
    assert sorted(path.stem for path in (tmp_path / "out/predictions").iterdir()) == ["0", "1", "3"]


def test_what_was_done_before_an_interruption_is_kept(
    untrained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(self: Pictures, prediction: BoxPrediction) -> None:
        if prediction.name == "2":
            raise KeyboardInterrupt

    monkeypatch.setattr(Pictures, "write", stop)
    with pytest.raises(SystemExit) as stopped:
        predict(load_config("predict", *options(untrained, "ssdlite", tmp_path / "out", "threshold=0.1")))
    assert stopped.value.code == 130
    results = json.loads((tmp_path / "out/results.json").read_text())
    assert {result["image_id"] for result in results} == {1, 2, 3}


def test_a_writer_that_cannot_be_made_leaves_no_other_one_open(
    untrained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Pictures, *arguments: Any, **settings: Any) -> None:
        raise OSError("disk is full")

    closed: list[None] = []
    monkeypatch.setattr(Pictures, "__init__", fail)
    monkeypatch.setattr(JsonResults, "close", lambda writer: closed.append(writer.file.close()))
    with pytest.raises(OSError, match="disk is full"):
        predict(load_config("predict", *options(untrained, "ssdlite", tmp_path / "out")))
    assert len(closed) == 1
