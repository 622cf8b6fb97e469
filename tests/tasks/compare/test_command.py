import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from data.classes import ClassTable
from data.config import DatasetConfig
from data.errors import InputError
from tasks.compare.__main__ import main
from tasks.compare.command import compare_to, name_runs
from tasks.compare.models import spread_rows
from tasks.compare.rows import ComparisonRow
from tasks.compare.tables import write_cells
from tasks.models.architecture import Arch
from tasks.models.checkpoint import save_safetensors
from tasks.models.description import Description
from tasks.models.network import build_model
from tasks.models.postprocessing import Postprocessing
from tasks.models.preprocessing import Preprocessing
from tests.support.folders import CONFIG, SEGMENTATION, describe_data, write_run
from tests.support.pages import Page

BETTER = {"mAP": 0.625, "AP50": 0.7, "APs": None, "per_class": {"cat": 0.5, "dog": 0.75}}


@pytest.fixture
def pair(tmp_path: Path) -> list[Path]:
    """Two runs on the same data; the second has another learning rate."""
    first = write_run(tmp_path / "first", data=describe_data())
    other = {**CONFIG, "lr": 0.2, "out": "elsewhere"}
    second = write_run(tmp_path / "second", data=describe_data(), metrics=BETTER, config=other)
    return [first, second]


def rows(group: list[dict]) -> dict[str, dict]:
    return {row["name"]: row for row in group}


def test_the_best_is_named_and_differences_are_to_the_first(pair):
    metrics = rows(compare_to(pair)["metrics"])
    assert metrics["mAP"] == {"name": "mAP", "values": [0.5, 0.625], "differences": [None, 0.125], "best": [1]}
    assert metrics["AP50"]["best"] == [0]
    assert metrics["AP50"]["differences"][1] == pytest.approx(-0.05)
    assert "APs" not in metrics  # neither run has it
    assert metrics["best mAP in training"]["values"] == [0.5, 0.5]
    assert metrics["best mAP in training"]["best"] == []  # nothing to choose from


def test_only_options_that_differ_are_listed(pair):
    assert compare_to(pair)["configuration"] == [{"name": "lr", "values": ["0.1", "0.2"]}]


def test_speed_is_that_of_the_logs(pair):
    speed = rows(compare_to(pair)["speed"])
    assert speed["training images/s"]["values"] == [35, 35]  # the epochs ended at 20 and 50
    assert speed["training minutes"]["values"] == pytest.approx([(100 / 20 + 100 / 50) / 60] * 2)


def test_less_is_better_where_it_is():
    assert ComparisonRow("ms", [3.0, None, 2.0, 2.0], "number", -1).best == [2, 3]
    assert ComparisonRow("ms", [3.0, None, 2.0], "number", -1).differences == [None, None, -1]
    assert ComparisonRow("device", ["a", "b"]).to_dict() == {"name": "device", "values": ["a", "b"]}


def test_what_looks_the_same_is_not_set_apart():
    row = ComparisonRow("mAP", [0.5, 0.50001, 0.4, 0.5001], "metric", +1)
    assert row.best == [0, 1, 3]
    assert ComparisonRow("mAP", [0.5, 0.50001], "metric", +1).best == []
    assert write_cells(row) == [("0.500", ""), ("0.500", ""), ("0.400", "\N{MINUS SIGN}0.100"), ("0.500", "")]


def test_classes_are_compared_on_request(pair):
    assert "classes" not in compare_to(pair)
    classes = rows(compare_to(pair, per_class=True)["classes"])
    assert classes["cat"]["differences"] == [None, 0.25]
    assert classes["dog"]["best"] == []


def test_a_run_that_was_cut_off_is_shown_as_such(pair, tmp_path, capsys):
    cut = write_run(tmp_path / "cut", metrics=None)
    found = compare_to([*pair, cut])
    assert found["runs"][2]["state"] == "no metrics: interrupted or still running, 2 of 3 epochs begun"
    assert rows(found["metrics"])["mAP"]["values"] == [0.5, 0.625, None]
    assert "cut: no metrics: interrupted" in capsys.readouterr().out


def test_other_data_are_pointed_out(pair, tmp_path, capsys):
    third = write_run(tmp_path / "third", data=describe_data(sha256="b" * 64))
    warnings = compare_to([*pair, third])["warnings"]
    assert [warning.partition(" (")[0] for warning in warnings] == [
        "third: measured on other data than first",
        "third: trained on other data than first",
    ]
    assert "warning: third: measured on other data than first" in capsys.readouterr().out


def test_the_tables_are_plain_where_no_terminal_is(pair, capsys):
    compare_to(pair)
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    (line,) = [line.split() for line in printed.splitlines() if line.split()[:1] == ["mAP"]]
    assert line == ["mAP", "0.500", "+0.125", "0.625*"]


def test_the_page_holds_the_same_numbers_and_both_curves(pair, tmp_path):
    compare_to(pair, html_path=tmp_path / "new/page.html", json_path=tmp_path / "new/page.json")
    page = Page(tmp_path / "new/page.html")
    assert ["mAP", "0.500", "+0.1250.625*"] in page.rows
    assert ["lr", "0.1", "0.2"] in page.rows
    assert page.text.count("<polyline") == 4  # two runs: validation and loss
    assert all(address.startswith("#") for address in page.addresses)
    assert json.loads((tmp_path / "new/page.json").read_text())["runs"][0]["name"] == "first"


def test_names_are_as_long_as_they_must_be():
    assert name_runs([Path("/a/x"), Path("/a/y")]) == ["x", "y"]
    assert name_runs([Path("/a/run"), Path("/b/run")]) == ["a/run", "b/run"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["first"], "two or more folders"),
        (["first", "first/../first"], "each once"),
        (["first", "gone"], "gone: no such folder"),
        (["first", "first/metrics.json"], "metrics.json: a file"),
        ([], "required: RUN; see --help"),
        (["first", "second", "--lat"], "unrecognized arguments: --lat; see --help"),
        (["first", "empty"], "empty: holds no metrics.json"),
        (["first", "segmenter"], "segmenter: segmentation, while first is detection"),
        (["first", "json=out.json"], "expected RUN RUN ... as plain words"),
        (["first", "second", "--json", "empty"], "--json: empty is a folder"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(words, message, pair, tmp_path, monkeypatch, capsys):
    write_run(tmp_path / "segmenter", metrics=SEGMENTATION, config=None)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(words)
    said = capsys.readouterr().err
    assert (stop.value.code, said.count("\n")) == (2, 1)
    assert said.startswith("error: ")
    assert message in said


def test_debug_shows_the_traceback():
    with pytest.raises(InputError):
        main(["gone", "away", "--debug"])


def save_model(folder: Path, width: float) -> None:
    arch = Arch("ssdlite", "small", 2, width=width)
    classes = ClassTable.create(["cat", "dog"], [1, 2])
    dataset = DatasetConfig("coco", "data", "train", "val")
    description = Description(arch, classes, Preprocessing((96, 64)), Postprocessing(), dataset)
    save_safetensors(folder / "model.safetensors", description, build_model(arch).state_dict())


@pytest.mark.slow
def test_models_are_counted_weighed_and_timed(pair):
    for folder, width in zip(pair, (1.0, 0.35), strict=True):
        save_model(folder, width)
    found = compare_to(pair, latency=True)
    size, speed = rows(found["size"]), rows(found["speed"])
    models = [build_model(Arch("ssdlite", "small", 2, width=width)) for width in (1.0, 0.35)]
    parameters = [sum(parameter.numel() for parameter in model.parameters()) for model in models]
    assert size["parameters"]["values"] == parameters
    assert size["multiply-adds"]["best"] == [1]
    assert size["file, MB"]["values"][0] == pytest.approx(4 * parameters[0] / 1e6, rel=0.1)
    assert size["input"]["values"] == ["96x64", "96x64"]
    together, network = speed["latency, ms"]["values"], speed["network alone, ms"]["values"]
    assert all(0 < part < whole for part, whole in zip(network, together, strict=True))
    assert found["latency"]["threads"] == 1


def test_the_fastest_is_named_only_where_it_is_beyond_doubt():
    rounds = np.array([[10.0, 20, 30], [11, 21, 29], [12, 19, 31]])
    medians, quartiles = spread_rows("ms", rounds)
    assert (medians.values, medians.best) == ([11, 20, 30], [0])
    assert quartiles.values == ["10.5 to 11.5", "19.5 to 20.5", "29.5 to 30.5"]
    assert spread_rows("ms", np.array([[10.0, 11], [20, 19]]))[0].best == []


def test_a_run_without_weights_cannot_be_timed(pair):
    with pytest.raises(InputError, match=r"first: none of model.safetensors"):
        compare_to(pair, latency=True)


def test_the_help_is_there_at_once():
    shown = subprocess.run(
        [sys.executable, "-m", "tasks.compare", "--help"], capture_output=True, text=True, check=True
    )
    assert all(word in shown.stdout for word in ("RUN", "--per-class", "--latency", "--json", "--html", "--debug"))
