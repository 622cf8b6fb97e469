import base64
import io
import json
import re

import pytest
from PIL import Image

from data.errors import InputError
from tasks.evaluate.command import evaluate
from tasks.parsing import to_plain
from tasks.report.numbers import NONE
from tasks.report.page import write_page
from tests.support.folders import DETECTION, SEGMENTATION, describe_data, save_picture, write_run
from tests.support.pages import Page
from tests.support.runs import load_config

ANALYSIS = {
    "task": "detection",
    "per_class": {
        "cat": {"boxes": 1200, "AP": 0.25, "APl": None, "threshold": 0.4, "F1": 0.625},
        "dog": {"boxes": 3, "AP": 0.75, "APl": 0.5, "threshold": None, "F1": None},
    },
    "errors": {
        "classification": {"count": 10, "count_at_threshold": 2, "dAP50": 0.125},
        "missed": {"count": 1, "count_at_threshold": 8, "dAP50": None},
    },
    "empty_images": {"images": 2, "false_positives": 3, "per_image": 1.5},
    "worst": [{"image": "7.jpg", "picture": "worst/7.jpg", "why": "1 of 2 missed"}],
    "curves": {
        "scores": [0.0, 0.5, 1.0],
        "per_class": {"cat": {"F1": [0.2, 0.6, None], "precision": [0.2, 0.5, None], "recall": [1.0, 0.75, 0.0]}},
    },
}


def test_the_numbers_are_those_of_the_files(tmp_path):
    page = Page(write_page(write_run(tmp_path / "run", analysis=ANALYSIS, data=describe_data())))
    for value in (DETECTION["mAP"], DETECTION["AP50"]):
        assert f"{value:.3f}" in page.words
    assert ["cat", "1\u202f200", "0.250", NONE, "0.400", "0.625"] in page.rows
    assert ["dog", "3", "0.750", "0.500", NONE, NONE] in page.rows
    assert ["classificationright place, wrong class", "2", "0.125", "10"] in page.rows
    assert "On the 2 images without any object: 3 false detections, 1.50 an image." in page.words
    assert "mAP, best 0.500" in page.words


def test_without_an_analysis_the_classes_are_those_of_the_metrics(tmp_path):
    page = Page(write_page(write_run(tmp_path / "run")))
    assert page.rows[:3] == [["class", "AP"], ["cat", "0.250"], ["dog", "0.750"]]
    segmenter = Page(write_page(write_run(tmp_path / "other", metrics=SEGMENTATION, config=None, log=None)))
    assert segmenter.rows == [["class", "IoU"], ["road", "0.500"], ["sky", NONE]]


def test_more_classes_than_colours_are_drawn_around_their_mean(tmp_path):
    curves = {str(index): {"F1": [0.2, 0.6], "precision": [0, 1], "recall": [1, 0]} for index in range(9)}
    analysis = {"per_class": {name: {"threshold": 0.5} for name in curves}}
    analysis["curves"] = {"scores": [0.0, 1.0], "per_class": curves}
    page = Page(write_page(write_run(tmp_path / "run", analysis=analysis, log=None)))
    assert page.words.count("mean of 9 classes") == 6  # the legend and the name of the line, three times
    assert "stand in the table of classes" in page.words
    assert page.text.count("<polyline") == 30


def test_a_page_asks_for_nothing(tmp_path):
    run = write_run(tmp_path / "run", analysis=ANALYSIS, data=describe_data())
    save_picture(run / "worst/7.jpg")
    save_picture(run / "samples/1.jpg")
    save_picture(run / "confusion_matrix.png")
    page = Page(write_page(run))
    assert sum(address.startswith("data:image/") for address in page.addresses) == 3
    assert all(address.startswith(("data:", "#")) for address in page.addresses)
    assert not re.search(r"https?:|url\(|@import|srcset", page.text)
    assert "default-src 'none'" in page.text


def test_names_from_files_are_shown_and_never_run(tmp_path):
    evil = "<script>alert(1)</script>\"'&"
    analysis = {
        "per_class": {evil: {"AP": 0.5}},
        "errors": {evil: {"count": 1, "dAP50": 0.1}},
        "worst": [{"image": evil, "picture": "worst/7.jpg", "why": evil}],
        "curves": {"scores": [0, 1], "per_class": {evil: {"F1": [0, 1], "precision": [0, 1], "recall": [0, 1]}}},
    }
    data = describe_data() | {"classes": [evil], "root": evil}
    run = write_run(tmp_path / evil.replace("/", ""), analysis=analysis, data=data, config={evil: evil, "trainer": {}})
    save_picture(run / "worst/7.jpg")
    page = Page(write_page(run))
    assert page.text.count("<script>") == 1  # the page's own
    assert page.words.count("<script>alert(1)") >= 8


def test_a_name_that_is_not_utf8_is_escaped(tmp_path):
    page = Page(write_page(write_run(tmp_path / "run", analysis={"per_class": {"half \ud83d": {"AP": 0.5}}})))
    assert "half \\ud83d" in page.words


def test_invisible_letters_of_names_are_shown_as_what_they_are(tmp_path):
    name = "two\nlines \x1b[31m \u202eexe"
    page = Page(write_page(write_run(tmp_path / "run", analysis={"per_class": {name: {"AP": 0.5}}})))
    assert "two\\nlines \\x1b[31m \\u202eexe" in page.words
    assert not re.search("[\x1b\u202e]", page.text)


def test_what_is_missing_leaves_its_section_out(tmp_path):
    empty = Page(write_page(write_run(tmp_path / "empty", metrics=None, config=None, log=None)))
    assert empty.sections == []
    assert "interrupted, or is still running" in empty.words
    run = Page(write_page(write_run(tmp_path / "run", analysis={"task": "detection"})))
    assert run.sections == ["metrics", "training", "classes", "configuration"]
    assert run.addresses == [f"#{name}" for name in run.sections]


def test_pictures_are_made_small_and_those_from_elsewhere_are_left_out(tmp_path):
    run = write_run(tmp_path / "run", analysis={"worst": [{"picture": "../secret.jpg"}, {"picture": "worst/1.jpg"}]})
    save_picture(tmp_path / "secret.jpg")
    save_picture(run / "worst/1.jpg", size=(3000, 1500))
    (address,) = [a for a in Page(write_page(run)).addresses if a.startswith("data:")]
    with Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))) as image:
        assert image.size == (900, 450)


def test_options_that_differ_from_the_defaults_are_marked(tmp_path):
    values = to_plain(load_config("train", "task=ssdlite", "backbone=small", "lr=0.025", "out=x"))
    page = Page(write_page(write_run(tmp_path / "run", config=values, metrics=None, log=None)))
    assert [row for row in page.rows if row[0] == "lr"] == [["lr", "0.025", "0.1"], ["lr", "0.025changed"]]
    assert sum(len(row) == 3 for row in page.rows) == 2  # the header and lr
    assert ["batch_size", "32"] in page.rows


@pytest.mark.parametrize(("name", "content"), [("metrics.json", "{"), ("data.json", "[]"), ("config.yaml", "a: [")])
def test_an_unreadable_file_is_named(name, content, tmp_path):
    run = write_run(tmp_path / "run")
    (run / name).write_text(content)
    with pytest.raises(InputError, match=name):
        write_page(run)


@pytest.mark.slow
@pytest.mark.parametrize("task", ["ssdlite", "lraspp"])
def test_training_and_evaluation_write_their_reports(task, trained, tmp_path):
    out, metrics = trained(task).folder, trained(task).metrics
    page = Page(out / "report.html")
    assert {"metrics", "training", "classes", "samples", "model", "data", "configuration"} <= set(page.sections)
    assert f"{metrics['mAP' if task == 'ssdlite' else 'mIoU']:.3f}" in page.words
    checkpoint = out / "model.safetensors"
    config = load_config("evaluate", f"checkpoint={checkpoint}", f"out={tmp_path / 'out'}", "dataset.workers=0")
    evaluate(config)
    other = Page(tmp_path / "out/report.html")
    assert "training" not in other.sections
    first, second = (json.loads((run / "data.json").read_text()) for run in (out, tmp_path / "out"))
    assert first["splits"]["val"] == second["splits"]["val"]
    assert first["splits"]["train"]["images"] == 6
    assert json.loads((out / "environment.json").read_text())["starts"][0]["seconds"] > 0
