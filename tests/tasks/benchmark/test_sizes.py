"""A checkpoint over sizes: what is chosen on numbers by hand, and that the numbers are those of an evaluation."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from data.errors import InputError
from tasks.benchmark.command import benchmark
from tasks.benchmark.sizes import choose_size, render_sizes
from tasks.evaluate.command import evaluate
from tasks.export.subject import load_subject
from tasks.inference.loading import load
from tests.support.runs import load_config
from tests.support.trained import Trained

QUICK = ("warmup_runs=1", "repeats=2", "accelerator=cpu")


def row(side: int, value: float, milliseconds: float) -> dict[str, Any]:
    spread = {"median": milliseconds, "lower": milliseconds - 1, "upper": milliseconds + 1}
    return {"size": [side, side], "mAP": value, "madds": side * 10**6, "latency_ms": spread}


ROWS = [row(192, 0.40, 8), row(256, 0.475, 11), row(288, 0.4902, 13), row(320, 0.5, 16), row(384, 0.49, 24)]


@pytest.mark.parametrize(
    ("max_drop", "side"), [(0.0, 320), (0.97, 320), (0.98, 288), (1.0, 288), (2.5, 256), (9.9, 256), (10.0, 192)]
)
def test_the_quickest_size_within_the_drop_from_the_best_is_named(max_drop: float, side: int) -> None:
    assert choose_size(ROWS, metric="mAP", max_drop=max_drop) == [side, side]


def test_of_sizes_as_quick_the_better_one_is_named_whatever_their_order() -> None:
    rows = [row(224, 0.499, 11), row(256, 0.495, 11), row(320, 0.5, 16)]
    assert choose_size(rows, metric="mAP", max_drop=1.0) == choose_size(rows[::-1], metric="mAP", max_drop=1.0)
    assert choose_size(rows, metric="mAP", max_drop=1.0) == [224, 224]


def test_the_table_says_how_far_each_size_is_below_the_best() -> None:
    data = {"images": 36, "split": "val", "root": "data"}
    facts = {"checkpoint": "a", "image": [480, 640], "repeats": 20, "warmup_runs": 3, "device": "CPU", "max_drop": 1.0}
    text = render_sizes(facts | {"metric": "mAP", "data": data, "sizes": ROWS, "take": [288, 288]})
    assert "| 256 x 256 | 0.4750 | 2.50 | 256.0 | 11.0 | 10.0 to 12.0 |" in text
    assert "at most 1 points below the best: size=288." in text


@pytest.mark.slow
@pytest.mark.parametrize("task", ["ssdlite", "lraspp", "classify"])
def test_each_size_has_the_metric_of_an_evaluation_at_it(
    task: str, trained: Callable[[str], Trained], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = f"checkpoint={trained(task).folder / 'model.safetensors'}"
    options = ("sizes=[[64,96],[96,128]]", f"json={tmp_path / 'a.json'}", f"figure={tmp_path / 'new' / 'a.png'}")
    found = benchmark(load_config("benchmark", checkpoint, *QUICK, *options))
    assert found == json.loads((tmp_path / "a.json").read_text())
    assert Image.open(tmp_path / "new/a.png").size == (900, 600)
    assert f"size=[{found['take'][0]},{found['take'][1]}]." in capsys.readouterr().out
    for each in found["sizes"]:
        size, out = "size=[{},{}]".format(*each["size"]), tmp_path / str(each["size"][0])
        metrics = evaluate(load_config("evaluate", checkpoint, size, f"out={out}", "accelerator=cpu"))
        assert each[found["metric"]] == pytest.approx(metrics[found["metric"]], abs=1e-6)
        assert each["latency_ms"]["median"] > 0
    assert found["sizes"][0]["madds"] < found["sizes"][1]["madds"]


def test_what_is_exported_at_a_size_is_what_is_evaluated_at_it(trained: Callable[[str], Trained]) -> None:
    path = trained("ssdlite").folder / "model.safetensors"
    subject = load_subject(load_config("export", f"checkpoint={path}", "size=[96,128]", "images=1"))
    model: Any = load(path, size=(96, 128))
    own: Any = subject.model
    assert subject.description == model.description
    assert own.anchors.equal(model.anchors)
    assert not own.anchors.equal(load(path).anchors)  # type: ignore[union-attr, arg-type]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("sizes=[64,96]",), "sizes: nothing to compare without checkpoint="),
        (("checkpoint=a", "sizes=[64]"), r"sizes: \[64\]; expected two sizes or more"),
        (("checkpoint=a", "figure=a.png"), "figure=a.png: of several sizes only"),
        (("checkpoint=a", "sizes=[64,96]", "figure=a.txt"), "figure: a.txt; expected a file that ends in .png"),
        (("checkpoint=a", "sizes=[64,96]", "max_drop=-1"), "max_drop: -1; expected a number from 0"),
        (("checkpoint=tests", "sizes=[64,96]"), "sizes: tests is a folder; expected a checkpoint"),
    ],
)
def test_what_cannot_be_compared_is_refused_by_name(options: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}"):
        benchmark(load_config("benchmark", *options))
