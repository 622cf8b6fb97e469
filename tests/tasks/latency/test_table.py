import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from torch import nn

from data.errors import InputError
from tasks.latency.runtimes import Clock, LayerGraph, find_format
from tasks.latency.settings import FORMAT_OF, check_device
from tasks.latency.table import EMPTY, LatencyTable, list_layers, open_table, read_table
from tasks.models.architecture import Arch

LAYERS = list_layers(Arch("classifier", "small", 3), (64, 64))


@dataclass
class CountingClock:
    """Gives each layer its own time and notes which it was asked for."""

    runtime: str = "torch"
    asked: list[nn.Module] = field(default_factory=list)

    def measure(self, module: nn.Module, shape: tuple[int, int, int]) -> float:
        self.asked.append(module)
        return float(len(self.asked))


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(["layer,milliseconds", *lines, ""]), encoding="utf-8")
    return path


def test_a_network_takes_the_sum_of_its_layers_less_what_calls_cost() -> None:
    known = {EMPTY.name: 0.5, **{layer.name: 1.0 + 0.25 * index for index, layer in enumerate(LAYERS)}}
    by_hand = 0.5 + sum(known[layer.name] - 0.5 for layer in LAYERS)
    assert LatencyTable(known).predict(LAYERS) == pytest.approx(by_hand)
    assert LatencyTable({EMPTY.name: 2.0, LAYERS[0].name: 1.9}).predict(LAYERS[:1]) == 2.0


def test_a_layer_is_timed_once_and_kept(tmp_path: Path) -> None:
    clock, path = CountingClock(), tmp_path / "latency.csv"
    table = open_table("torch", path, clock=clock)  # type: ignore[arg-type]
    first = table.predict(LAYERS)
    different = len({layer.name for layer in LAYERS}) + 1  # and the empty one
    assert len(clock.asked) == different < len(LAYERS) + 1
    again = open_table("torch", path, clock=clock)  # type: ignore[arg-type]
    assert again.predict(LAYERS) == first
    assert len(clock.asked) == different
    assert open_table(str(path), tmp_path / "other.csv", clock=clock).predict(LAYERS) == first  # type: ignore[arg-type]


def test_a_table_of_another_device_has_just_the_layers_that_are_asked_for(tmp_path: Path) -> None:
    names = [layer.name for layer in (EMPTY, *LAYERS)]
    rows = [f"{name},1" for name in dict.fromkeys(names)]
    LatencyTable(read_table(write(tmp_path / "a.csv", *rows))).check(LAYERS)
    with pytest.raises(InputError, match=rf"layer '{names[-1]}' is missing"):
        LatencyTable(read_table(write(tmp_path / "a.csv", *rows[:-1]))).check(LAYERS)
    with pytest.raises(InputError, match="layer 'bneck of mine' is unknown"):
        LatencyTable(read_table(write(tmp_path / "a.csv", *rows, "bneck of mine,1"))).check(LAYERS)
    with pytest.raises(InputError, match="has no layer 'conv"):
        LatencyTable({EMPTY.name: 1.0}).predict(LAYERS)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ((), "no rows"),
        (("a,1", "a,2"), "line 3: layer 'a' appears twice"),
        (("a,fast",), "line 2: milliseconds: 'fast'"),
        (("a,-1",), "line 2: milliseconds: '-1'"),
        (("a,nan",), "line 2: milliseconds: 'nan'"),
        (("a,",), "line 2: no milliseconds"),
        (("a",), "line 2: no milliseconds"),
    ],
)
def test_a_table_that_is_none_is_refused_by_its_line(lines: tuple[str, ...], said: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", *lines)
    with pytest.raises(InputError, match=re.escape(f"{path}: {said}")):
        read_table(path)


def test_a_device_is_a_runtime_or_a_table(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="device: unknown 'phone'; choose from torch, onnxruntime"):
        check_device("phone")
    with pytest.raises(InputError, match=r"device: no file .*phone\.csv"):
        check_device(str(tmp_path / "phone.csv"))
    for runtime in FORMAT_OF:
        check_device(runtime)


@pytest.mark.slow
@pytest.mark.parametrize("runtime", FORMAT_OF)
def test_a_layer_is_timed_in_every_runtime(runtime: str) -> None:
    kind = find_format(runtime)
    for package in () if kind is None else kind.packages:
        pytest.importorskip(package)
    layer = LAYERS[-1]
    assert 0 < Clock(runtime, seconds=0).measure(layer.build(), layer.shape) < 1000


def test_a_layer_is_exported_with_its_norms_folded() -> None:
    graph = LayerGraph(LAYERS[1].build(), LAYERS[1].shape)
    assert not [layer for layer in graph.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert graph.outputs == ("output_0",)
