import pytest

from data.errors import InputError
from tasks.benchmark.exports import choose, find_exports, measure_exports, render_exports
from tests.support.exports import export_small, small_model


def row(name, lower, median, upper):
    return {"file": name, "latency_ms": {"lower": lower, "median": median, "upper": upper}}


def test_the_quickest_is_taken_and_those_within_its_spread_are_named():
    rows = [row("slow", 8, 9, 10), row("near", 2.5, 3.5, 4), row("quick", 2, 2.2, 3)]
    assert choose(rows) == {"file": "quick", "as_quick": ["near"]}
    assert choose(rows[:1]) == {"file": "slow", "as_quick": []}


@pytest.mark.slow
def test_all_exports_under_a_folder_are_timed(tmp_path):
    model = small_model("lraspp")
    export_small(model, tmp_path / "full")
    export_small(model, tmp_path / "deeper/low", argmax="low")
    found = measure_exports(tmp_path, image=(80, 120), warmup=1, repeats=2, threads=1)
    assert [entry["file"] for entry in found["files"]] == ["deeper/low/model.onnx", "full/model.onnx"]
    assert all(0 < entry["latency_ms"]["lower"] <= entry["latency_ms"]["upper"] for entry in found["files"])
    text = render_exports(found)
    assert f"On this machine take {found['take']['file']}" in text
    assert "From one decoded image of 80 x 120" in text


def test_a_folder_without_exports_is_refused(tmp_path):
    with pytest.raises(InputError, match="checkpoint: no exported file under"):
        find_exports(tmp_path)
