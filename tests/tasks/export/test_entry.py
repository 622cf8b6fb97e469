"""What a contract says of images on their way into a file, beside how they enter the model."""

import json
from dataclasses import replace

import numpy as np
import pytest

from data.resizing import resize_image
from data.synthetic.scene import draw_scene
from tasks.export.entry import STAGES, Entry, compare_entry, read_entry
from tasks.export.facts import describe_input
from tasks.formats.settings import GraphSettings
from tasks.models.preprocessing import Preprocessing
from tests.support.peers import load_photograph
from tests.tasks.export.faults import KINDS

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
MODEL = Preprocessing((64, 96), mean=MEAN, std=STD, resize="antialias")
RIGHT = Entry((64, 96), "antialias", "RGB", MEAN, STD)
PHOTOS = [load_photograph(), draw_scene(0, "val", number=0, size=(96, 160)).image]


def find_first(model, entry):
    return next((stage.name for stage in compare_entry(model, entry, PHOTOS) if not stage.judgement.passed), None)


def test_a_right_contract_passes():
    stages = compare_entry(MODEL, RIGHT, PHOTOS)
    assert tuple(stage.name for stage in stages) == STAGES
    assert [(stage.judgement.verdict, stage.own.largest) for stage in stages] == [("equal", 0.0)] * 3
    assert [round(stage.shift.largest, 6) for stage in stages] == [0.5, 0.5, round(0.5 / 255 / 0.224, 6)]


@pytest.mark.parametrize("kind", ["uint8", "float"])
def test_what_model_json_says_is_right(kind):
    told = describe_input(replace(KINDS["ssdlite"][0], preprocessing=MODEL), GraphSettings(size=(64, 96), input=kind))
    entry = read_entry(json.loads(json.dumps(told)))
    assert entry == replace(RIGHT, input=kind)
    assert all(stage.judgement.passed for stage in compare_entry(MODEL, entry, PHOTOS))


@pytest.mark.parametrize(
    ("fault", "stage"),
    [
        ({"resize": "area"}, "resizing"),
        ({"resize": "bilinear"}, "resizing"),
        ({"size": (96, 64)}, "resizing"),
        ({"colors": "BGR"}, "colour order"),
        ({"mean": STD, "std": MEAN}, "normalisation"),
        ({"mean": MEAN[::-1]}, "normalisation"),
    ],
)
def test_a_wrong_line_of_a_contract_is_found_at_its_own_stage(fault, stage):
    assert find_first(MODEL, replace(RIGHT, **fault)) == stage


def test_rounding_to_bytes_is_allowed_where_the_file_takes_them():
    model, entry = replace(MODEL, resize="bilinear"), replace(RIGHT, resize="bilinear")
    assert resize_image(PHOTOS[0], (64, 96), rule="bilinear").dtype == np.float32
    rounded, exact = (compare_entry(model, replace(entry, input=kind), PHOTOS) for kind in ("uint8", "float"))
    assert [stage.judgement.verdict for stage in rounded] == ["unclear"] * 3
    assert all(stage.judgement.passed for stage in rounded)
    assert [stage.judgement.verdict for stage in exact] == ["equal"] * 3
    assert find_first(model, replace(entry, resize="area")) == "resizing"
    assert find_first(model, replace(entry, colors="BGR")) == "colour order"


def test_an_image_keeps_its_shape_where_the_model_keeps_it():
    model = replace(MODEL, size=64)
    assert [stage.judgement.passed for stage in compare_entry(model, replace(RIGHT, size=(75, 64)), PHOTOS[:1])] == [
        True
    ] * 3
