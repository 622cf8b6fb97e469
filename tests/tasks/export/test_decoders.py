"""Decoders find what the model itself does on the same raw outputs, in each language, whatever their constants."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from data.errors import InputError
from tasks.export.decoders import write_decoders
from tasks.formats.contract import Contract
from tests.tasks.export.decoding import (
    LANGUAGES,
    NAMES,
    Program,
    assert_same_boxes,
    assert_same_mask,
    describe_integers,
    draw_cells,
    draw_raw,
    enlarge,
    find_boxes,
    find_boxes_stably,
    make_contract,
    number_classes,
)

INT8 = 'int8 "$x".tflite'


@cache
def contract_of(name: str) -> Contract:
    """Return one of the models of these tests."""
    match name:
        case "sigmoid":
            return make_contract("ssdlite", thresholds=(0.9, 0.8, 0.7, 0.6, 0.5, 0.4))
        case "softmax":
            limits = {"per_class": 4, "score_threshold": 0.1, "iou_threshold": 0.45, "max_detections": 12}
            return make_contract("ssdlite_torchvision", classes=number_classes(3), postprocessing=limits)
        case "one class":
            return make_contract("ssdlite", classes=number_classes(1), postprocessing={"per_class": 30})
        case "many classes":
            return make_contract("ssdlite", "model.anchors=torchvision", size=(320, 320), classes=number_classes(80))
        case "corners":
            return make_contract("lraspp")
        case "centers":
            return make_contract("lraspp_torchvision", size=(65, 90), classes=number_classes(19))
        case "one mask":
            return make_contract("lraspp", size=(65, 97), classes=number_classes(1))
        case "low":
            return make_contract("lraspp", argmax="low")
        case _:
            return make_contract("lraspp_torchvision", classes=number_classes(3), argmax="low")


BOXES, CELLS, LOW = ("sigmoid", "softmax", "one class"), ("corners", "centers", "one mask"), ("low", "low centers")
Build = Callable[[str, str], Program]
EARLY = (("cpp", "sigmoid"), ("cpp", "corners"))  # what is compiled in the fast suite


def in_languages(*names: str) -> pytest.MarkDecorator:
    """Run a test for each language and each of these models."""
    slow = pytest.mark.slow
    pairs = [(language, name) for language in LANGUAGES for name in names]
    marks = [() if pair[0] == "python" or pair in EARLY else slow for pair in pairs]
    values = [pytest.param(*pair, marks=mark) for pair, mark in zip(pairs, marks, strict=True)]
    return pytest.mark.parametrize(("language", "name"), values)


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Return a function from a language and a model's name to the decoder, built once."""

    @cache
    def make(language: str, name: str) -> Program:
        contract = contract_of(name)
        if name in BOXES or name in CELLS:
            files = {INT8: describe_integers(contract, draw(contract), "int8", "uint8")}
            contract = replace(contract, files=files)
        return Program(contract, language, tmp_path_factory.mktemp("decoders"))

    return make


def draw(contract: Contract) -> list[np.ndarray]:
    """Draw the outputs of a file."""
    boxes = contract.facts["decoding"]["kind"] == "boxes"
    return draw_raw(contract) if boxes else [draw_cells(contract)]


@in_languages(*BOXES, "many classes")
def test_boxes_are_those_of_the_model(language: str, name: str, build: Build) -> None:
    program, (logits, deltas) = build(language, name), draw_raw(contract_of(name))
    found, _ = program.run(logits, deltas)
    expected = find_boxes(program.contract, logits, deltas)
    assert len(expected["scores"]) > 10
    assert_same_boxes(found, expected)


@in_languages(*BOXES)
def test_few_sure_boxes_among_many_weak_ones_are_those_of_the_model(language: str, name: str, build: Build) -> None:
    program, (logits, deltas) = build(language, name), draw_raw(contract_of(name), seed=1, bias=-10)
    found, _ = program.run(logits, deltas)
    expected = find_boxes(program.contract, logits, deltas)
    assert 0 < len(expected["scores"]) < program.decoding["max_detections"]
    assert_same_boxes(found, expected)


@in_languages(*BOXES)
def test_where_nothing_is_found_there_is_nothing(language: str, name: str, build: Build) -> None:
    program, (logits, deltas) = build(language, name), draw_raw(contract_of(name), bias=-40)
    found, said = program.run(logits, deltas)
    assert {name: values.size for name, values in found.items()} == {"boxes": 0, "scores": 0, "labels": 0}
    assert said == ""


@in_languages("sigmoid")
def test_of_equal_scores_the_first_anchor_wins(language: str, name: str, build: Build) -> None:
    program, (logits, deltas) = build(language, name), draw_raw(contract_of(name), steps=1)
    found, _ = program.run(logits, deltas)
    expected = find_boxes_stably(program.contract, logits, deltas)
    assert len(np.unique(expected["scores"])) < 10
    np.testing.assert_array_equal(found["labels"], expected["labels"])
    np.testing.assert_allclose(found["boxes"], expected["boxes"], rtol=0, atol=1e-4)


@in_languages("sigmoid")
def test_wild_numbers_give_the_models_boxes(language: str, name: str, build: Build) -> None:
    program, (logits, deltas) = build(language, name), draw_raw(contract_of(name))
    found, _ = program.run(logits * 100, deltas * 30)  # sigmoids of 0 and 1, sides clamped, boxes without an area
    expected = find_boxes_stably(program.contract, logits * 100, deltas * 30)
    np.testing.assert_array_equal(found["labels"], expected["labels"])
    np.testing.assert_allclose(found["boxes"], expected["boxes"], rtol=0, atol=0.01)


@in_languages("sigmoid")
def test_boxes_above_their_classs_threshold_are_printed_by_name(language: str, name: str, build: Build) -> None:
    program, (logits, deltas) = build(language, name), draw_raw(contract_of(name), bias=-3)
    found, said = program.run(logits, deltas)
    thresholds = np.array(program.contract.description.thresholds)
    shown = found["labels"][found["scores"] >= thresholds[found["labels"]]]
    assert 0 < len(shown) < len(found["labels"])
    assert [said.count(f"{text}\t0.") for text in NAMES] == np.bincount(shown, minlength=6).tolist()


@in_languages(*CELLS)
def test_masks_are_those_of_the_model(language: str, name: str, build: Build) -> None:
    program, logits = build(language, name), draw_cells(contract_of(name))
    found, said = program.run(logits)
    assert_same_mask(found["labels"], enlarge(program.contract, logits))
    counts = np.bincount(found["labels"].ravel(), minlength=len(logits))
    assert all(f"{row['name']}\t{counts[row['index']]}\n" in said for row in program.contract.facts["classes"])


@in_languages(*LOW)
def test_classes_of_cells_become_masks_by_their_votes(language: str, name: str, build: Build) -> None:
    program = build(language, name)
    labels = draw_cells(program.contract).argmax(0)
    votes = F.one_hot(torch.from_numpy(labels), len(program.contract.facts["classes"])).permute(2, 0, 1).float().numpy()
    found, _ = program.run(labels.astype(np.uint8))
    assert len(np.unique(labels)) > 2
    assert_same_mask(found["labels"], enlarge(program.contract, votes))


@in_languages("sigmoid", "corners")
def test_integers_are_read_by_the_scale_and_zero_point_of_their_file(language: str, name: str, build: Build) -> None:
    program, values = build(language, name), draw(contract_of(name))
    ports = program.contract.files[INT8].outputs
    stored = [port.store(own) for port, own in zip(ports, values, strict=True)]
    found, _ = program.run(*stored, file=INT8)
    expected, _ = program.run(*(port.read(own) for port, own in zip(ports, stored, strict=True)))
    assert len(np.unique(expected["labels"])) > 2
    for output, numbers in expected.items():
        np.testing.assert_array_equal(found[output], numbers)


def test_integers_of_another_type_are_refused_by_name(tmp_path: Path) -> None:
    contract = contract_of("corners")
    files = {INT8: describe_integers(contract, draw(contract), "int16")}
    with pytest.raises(InputError, match="output logits is int16; decoders read int8 or uint8, or floats"):
        write_decoders(replace(contract, files=files), tmp_path)


@pytest.mark.parametrize("contract", [make_contract("ssdlite", nms=True), make_contract("lraspp", argmax="full")])
def test_a_file_that_decodes_by_itself_needs_no_decoder(contract: Contract, tmp_path: Path) -> None:
    assert write_decoders(contract, tmp_path) == []
    assert not list(tmp_path.iterdir())


TEXT = r'"(?:[^"\\]|\\.)*"'


def read_rows(source: str, name: str) -> list[str]:
    """Return the texts and numbers that stand in a list of constants."""
    (body,) = re.findall(rf"(?:val|let) {name}\b.*?[(\[]\n(.*?)^    [)\]]$", source, flags=re.DOTALL | re.MULTILINE)
    rows = re.findall(rf"{TEXT}|-?\d[\d.e-]*|true|false", body)
    return [read_text(row) if row.startswith('"') else row for row in rows]


def read_text(literal: str) -> str:
    """Return the text that a literal of Kotlin or Swift stands for."""
    return str(json.loads(re.sub(r"\\u\{(\w+)\}", lambda found: json.dumps(chr(int(found[1], 16)))[1:-1], literal)))


@pytest.mark.parametrize("name", [*BOXES, *CELLS, *LOW])
def test_swift_has_every_constant_of_kotlin(name: str, build: Build) -> None:
    folder = build("python", name).folder
    kotlin, swift = ((folder / f"Decode.{suffix}").read_text() for suffix in ("kt", "swift"))
    constants = re.findall(r"const val ([A-Z_]+) = ([\d.e-]+)", kotlin)
    assert len(constants) > 5
    for constant, value in constants:
        assert re.search(rf"static let {constant}(: \w+)? = {re.escape(value)}\b", swift), constant
    for constant in re.findall(r"    val ([A-Z_]+)", kotlin):
        assert read_rows(kotlin, constant) == read_rows(swift, constant) != [], constant
    assert read_rows(swift, "CLASSES") == [row["name"] for row in contract_of(name).facts["classes"]]


@pytest.mark.parametrize("name", [*BOXES, *CELLS, *LOW])
def test_swift_has_every_step_of_kotlin_and_its_brackets_close(name: str, build: Build) -> None:
    folder = build("python", name).folder
    kotlin, swift, main = ((folder / file).read_text() for file in ("Decode.kt", "Decode.swift", "main.swift"))
    steps = set(re.findall(r"\bfun (\w+)", kotlin)) - {"compareTo"}
    assert len(steps) >= 5
    assert set(re.findall(r"static func (\w+)", swift)) == steps
    for source in (swift, main):
        code = re.sub(rf"{TEXT}|//.*", "", source)
        assert [code.count(opening) for opening in "([{"] == [code.count(closing) for closing in ")]}"]
        assert "Not compiled by the tests" in source
