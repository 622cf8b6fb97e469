import json
import sys
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
import torch

from data.classes import ClassTable
from data.config import DatasetConfig
from data.errors import InputError
from tasks.benchmark.command import benchmark
from tasks.benchmark.config import BenchmarkConfig
from tasks.benchmark.paper import TABLES
from tasks.models.architecture import Arch
from tasks.models.checkpoint import save_safetensors
from tasks.models.description import Description
from tasks.models.network import build_model
from tasks.models.postprocessing import Postprocessing
from tasks.models.preprocessing import Preprocessing
from tests.support.runs import load_config

QUICK = ("backbone=small", "size=[64,96]", "image=[70,90]", "warmup_runs=1", "repeats=2", "accelerator=cpu")


def run(*options: str) -> dict[str, Any]:
    return benchmark(load_config("benchmark", *options))


def test_the_tables_that_can_be_chosen_are_the_papers() -> None:
    chosen, _ = get_args(get_type_hints(BenchmarkConfig)["table"])
    assert get_args(chosen) == tuple(TABLES)


@pytest.mark.slow
@pytest.mark.parametrize("number", [3, 8])
def test_a_table_is_printed_and_written(number: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("timm")
    run(f"table={number}", f"json={tmp_path / 'new' / 'table.json'}")
    content = json.loads((tmp_path / "new/table.json").read_text())
    printed = capsys.readouterr().out
    assert content["table"] == number
    assert content["convention"]["madds"] in printed
    assert [row["name"] for row in content["rows"]] == [row.name for row in TABLES[number].rows]
    for row in content["rows"]:
        assert f"| {row['name']} | {row['printed']['metric']} |" in printed
        assert type(row["params"]) is type(row["madds"]) is int
        assert row["params"] / 1e6 == pytest.approx(row["paper_params_m"], rel=0.1)
        assert row["madds"] / 1e9 == pytest.approx(row["paper_madds_b"], rel=0.1)


def test_a_match_is_seen_at_a_glance(capsys: pytest.CaptureFixture[str]) -> None:
    run("table=8")
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| V3-Large, output stride 32")]
    assert line.endswith("| 72.0 | 1.507 | 1.51 | = | 7.787 | 7.74 | +0.6 % |")


@pytest.mark.slow
@pytest.mark.parametrize(("number", "v3", "v2"), [(3, "V3-Large 1.0", "V2 1.0"), (6, "V3-Large", "V2")])
def test_without_timm_the_other_rows_are_there(
    number: int, v3: str, v2: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    rows = {row["name"]: row for row in run(f"table={number}")["rows"]}
    assert rows[v3]["params"] > 4_000_000
    assert rows[v2]["params"] is rows[v2]["madds_difference"] is None
    assert rows[v2]["note"] == "needs timm: pip install 'bneck[timm]'"
    assert f"| {rows[v2]['printed']['params']} | needs timm: pip install 'bneck[timm]' |" in capsys.readouterr().out


@pytest.mark.parametrize("value", ["5", "six", "[6]", "true"])
def test_an_unknown_table_is_refused_with_the_known_ones(value: str) -> None:
    with pytest.raises(InputError, match=r"^table: .*3, 6, 7, 8"):
        run(f"table={value}")


@pytest.mark.slow
@pytest.mark.parametrize(("task", "classes"), [("ssdlite", 80), ("lraspp", 19), ("raspp", 19)])
def test_a_configuration_is_counted_and_timed(
    task: str, classes: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = run(f"task={task}", *QUICK, f"json={tmp_path / 'out.json'}")
    assert json.loads((tmp_path / "out.json").read_text()) == found
    assert (found["arch"]["num_classes"], found["weights"], found["image"]) == (classes, "random", [70, 90])
    assert found["input"] == ([64, 96] if task == "ssdlite" else [65, 97])
    assert sum(stage["madds"] for stage in found["stages"]) == found["madds"]["products"]
    assert found["madds"]["products"] < found["madds"]["folded"] < found["madds"]["profiler"]
    assert found["activations"]["peak_bytes"] > found["activations"]["largest_bytes"]
    assert list(found["latency_ms"]) == ["pre-processing", "network", "post-processing", "together"]
    assert all(0 < spread["lower"] <= spread["median"] <= spread["upper"] for spread in found["latency_ms"].values())
    printed = capsys.readouterr().out
    assert "weights: random" in printed
    assert f"threads: {torch.get_num_threads()}, torch, float32" in printed
    assert "2 runs after 1 to warm up" in printed


def test_a_checkpoint_says_what_is_measured(tmp_path: Path) -> None:
    arch = Arch("ssdlite", "small", 2, width=0.5)
    classes = ClassTable.create(["a", "b"], [1, 2])
    dataset = DatasetConfig("coco", "data", "train", "val")
    description = Description(arch, classes, Preprocessing((96, 64)), Postprocessing(), dataset)
    save_safetensors(tmp_path / "model.safetensors", description, build_model(arch).state_dict())
    found = run(f"checkpoint={tmp_path / 'model.safetensors'}", *QUICK)
    assert found["weights"] == str(tmp_path / "model.safetensors")
    assert (found["input"], found["arch"]["width"], found["arch"]["num_classes"]) == ([96, 64], 0.5, 2)


def test_a_result_of_the_same_name_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "out.json").write_text("old")
    run("table=8", f"json={tmp_path / 'out.json'}")
    assert json.loads((tmp_path / "out.json").read_text())["table"] == 8


@pytest.mark.parametrize(
    "option", ["threads=0", "repeats=0", "repeats=null", "warmup_runs=0", "num_classes=0", "image=[8,8]", "size=8"]
)
def test_a_senseless_option_is_refused_by_name(option: str) -> None:
    with pytest.raises(InputError, match=f"^{option.split('=')[0]}"):
        run(*QUICK, option)


def test_a_folder_is_no_name_for_a_result(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^json: .*folder"):
        run("table=8", f"json={tmp_path}")


def test_a_baseline_without_timm_is_refused_saying_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(InputError, match=r"pip install 'bneck\[timm\]'"):
        run("task=ssdlite", "backbone=mobilenetv2", "accelerator=cpu")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("task=lraspp_torchvision", "image=[600,800]"), [520, 693]),  # the preset's shorter side
        (("task=lraspp", "size=[64,128]"), [65, 129]),  # padded to a multiple of 16 plus 1
        (("task=lraspp", "size=[64,128]", "eval_size=96"), [97, 193]),
    ],
)
def test_a_segmenter_is_measured_at_the_size_that_it_is_evaluated_at(
    options: tuple[str, ...], expected: list[int]
) -> None:
    runs = ("backbone=small", "repeats=1", "warmup_runs=1", "accelerator=cpu")
    assert benchmark(load_config("benchmark", *options, *runs))["input"] == expected
