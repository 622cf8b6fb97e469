"""The command as a whole, with trainings that are none, and layers whose time is said."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from backbones.tables import TABLES
from tasks.latency.runtimes import Clock
from tasks.latency.table import LARGE, SMALL, LatencyTable, list_layers, read_table, write_table
from tasks.models.architecture import Arch
from tasks.models.network import resolve_table
from tasks.models.table_file import TableFile, format_table
from tasks.models.table_file import read_table as read_rows
from tasks.search import blocks
from tasks.search.blocks import Space
from tasks.search.plan import Network
from tasks.trials import driver, session
from tests.support.commands import Ended, run_command
from tests.support.trial_runs import Training


class Sized(Training):
    """Its metric is that of a network with so many rows, and higher if trained in full."""

    metric = "mIoU"

    def __init__(self, options: Sequence[str], log: Path, slot: int) -> None:
        super().__init__([*options, "lr=0.5"], log, slot)
        values = json.loads((self.out / "config.yaml").read_text())
        self.rows = read_rows(Path(values["backbone"])).table.rows
        self.epochs = int(values["trainer.max_epochs"])
        self.x = len(self.rows) / 100 + self.epochs / 1000


@pytest.fixture
def search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Return a function that runs the command in an empty folder; a layer takes a millisecond per 10,000 weights."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(driver, "PAUSE", 0.0)
    monkeypatch.setattr(session, "choose_launch", lambda settings: Sized)

    def measure(self: Clock, module: nn.Module, shape: tuple[int, int, int]) -> float:
        return 0.001 + sum(weight.numel() for weight in module.parameters()) / 10_000

    monkeypatch.setattr(Clock, "measure", measure)

    def run(*options: str) -> Ended:
        given = ("task=lraspp", "backbone=small", "dataset.scenes={train: 4, val: 2}", "size=[64,96]", "epochs=2")
        return run_command("search", *given, "trainer.max_epochs=30", *options, monkeypatch=monkeypatch, capsys=capsys)

    return run


def read_results(folder: str = "outputs/search/search") -> dict[str, Any]:
    results: dict[str, Any] = json.loads(Path(folder, "trials.json").read_text())
    return results


def test_candidates_are_judged_by_their_reward_and_the_best_are_trained_in_full(search: Callable[..., Ended]) -> None:
    ended = search("trials=5", "finalists=2", "target_latency=0.9x", "pruner=none")
    assert ended.status == 0, ended.said
    results, finals = read_results(), read_results("outputs/search/search/finals")
    for candidate, trial in zip(results["candidates"], results["trials"], strict=True):
        table = read_rows(Path(f"outputs/search/search/tables/{candidate['number']:04d}.yaml")).table
        assert candidate["mIoU"] == pytest.approx(len(table.rows) / 100 + 0.002)
        assert trial["value"] == pytest.approx(
            candidate["mIoU"] * (candidate["latency"] / results["target_ms"]) ** -0.15
        )
    ranking = sorted(results["trials"], key=lambda trial: -trial["value"])
    assert [trial["options"] for trial in finals["trials"]] == [trial["options"] for trial in ranking[:2]]
    assert all("trainer.max_epochs=30" in trial["command"] for trial in finals["trials"])
    assert all("trainer.max_epochs=2" in trial["command"] for trial in results["trials"])
    best = max(finals["trials"], key=lambda trial: trial["value"])
    (backbone,) = best["options"]
    winner = Path("outputs/search/search/winner.yaml")
    assert winner.read_text() == Path(backbone.removeprefix("backbone=")).read_text()
    page = Path("outputs/search/search/report.html").read_text()
    assert "trained in full" in page
    for candidate in results["candidates"]:
        assert f">{candidate['mIoU']:.3f}</td>" in page
        assert f">{candidate['latency']:.3f}</td>" in page
    assert f"backbone={winner}" in ended.said


@pytest.mark.slow
def test_the_same_command_goes_on_with_the_same_target(search: Callable[..., Ended]) -> None:
    search("trials=2", "finalists=0")
    first = read_results()
    again = search("trials=3", "finalists=0")
    assert again.status == 0, again.said
    assert read_results()["target_ms"] == first["target_ms"]
    assert read_results()["trials"][:2] == first["trials"]
    assert not Path("outputs/search/search/finals").exists()


def test_more_trials_bring_new_candidates_into_the_finals_and_train_none_again(search: Callable[..., Ended]) -> None:
    search("trials=2", "finalists=1", "pruner=none")
    first = read_results("outputs/search/search/finals")["trials"]
    again = search("trials=6", "finalists=2", "pruner=none")
    assert again.status == 0, again.said
    finals = read_results("outputs/search/search/finals")["trials"]
    assert finals[:1] == first
    trained = [trial["options"] for trial in finals]
    ranking = sorted(read_results()["trials"], key=lambda trial: -trial["value"])
    assert len(ranking) == 6
    assert all(trial["options"] in trained for trial in ranking[:2])
    assert len(finals) == len({*first[0]["options"], *ranking[0]["options"], *ranking[1]["options"]})
    (backbone,) = max(finals, key=lambda trial: trial["value"])["options"]
    winner = Path("outputs/search/search/winner.yaml")
    assert winner.read_text() == Path(backbone.removeprefix("backbone=")).read_text()


@pytest.mark.slow
def test_no_halved_tail_and_no_width_are_left_to_rows_that_have_them(search: Callable[..., Ended]) -> None:
    ended = search("trials=1", "finalists=0", "model.width=0.35", "pruner=none")
    assert ended.status == 0, ended.said
    (trial,) = read_results()["trials"]
    assert "width" not in trial["command"]
    table = read_rows(Path("outputs/search/search/tables/0000.yaml")).table
    assert table.stem == 8
    assert Space(TABLES["small"]).smallest.last > table.last


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("target_latency=0.01x",), "the smallest network of the space takes"),
        (("target_latency=fast",), "target_latency: 'fast'; expected a share of the network's, such as 0.6x"),
        (("exponent=0.1",), "exponent: 0.1; expected a number from -1 to below 0"),
        (("device=gpu",), "device: unknown 'gpu'; choose from torch"),
        (("epochs=0",), "epochs: 0; expected an integer from 1"),
        (("finalists=-1",), "finalists: -1; expected an integer from 0"),
        (("backbone=mobilenetv2",), "backbone: 'mobilenetv2' has no rows to search over"),
        (("resume=x",), "resume=x: no training to search over"),
    ],
)
def test_what_is_wrong_is_said_before_anything_starts(
    options: tuple[str, ...], said: str, search: Callable[..., Ended]
) -> None:
    ended = search("trials=1", *options)
    assert ended.status == 2
    assert said in ended.said
    assert not list(Path().glob("**/run"))


def test_a_study_of_another_target_is_not_gone_on_with(search: Callable[..., Ended]) -> None:
    search("trials=1", "finalists=0")
    ended = search("trials=2", "target_latency=2x")
    assert ended.status == 2
    assert "target_latency: 2x, but the study 'search' was begun with: 1x" in ended.said


def test_a_table_of_another_device_says_what_layers_take_and_has_all_that_may_be_drawn(
    search: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "KERNELS", (3,))
    monkeypatch.setattr(blocks, "EXPANSIONS", (2,))  # a small space
    monkeypatch.setattr(Clock, "measure", None)
    device = "device=device.csv"
    write_table(Path("device.csv"), {"bneck of mine": 1.0})
    ended = search("trials=1", "finalists=0", device)
    assert ended.status == 2
    count = re.search(r"device: device.csv: (\d+) of the \1 layers that networks may have here are missing", ended.said)
    assert count, ended.said
    arch = Arch("lraspp", "small", 19, halving="segmentation", output_stride=16)
    network = Network(arch, (64, 96), "device.csv", None, Path())
    networks = (arch, *map(network.build, Space(resolve_table(arch)).cover()))
    layers = [SMALL, LARGE, *(layer for each in networks for layer in list_layers(each, network.size))]
    known = {layer.name: 0.1 + number / 1000 for number, layer in enumerate(dict.fromkeys(layers))}
    assert len(known) == int(count[1])
    missing = next(name for name in known if name.startswith("lraspp_skip"))
    write_table(Path("device.csv"), {name: time for name, time in known.items() if name != missing})
    ended = search("trials=1", "finalists=0", device)
    assert ended.status == 2
    assert f"device: device.csv: 1 of the {len(known)} layers" in ended.said
    assert repr(missing) in ended.said
    assert not Path("outputs").exists()
    write_table(Path("device.csv"), known)
    ended = search("trials=1", "finalists=0", device, "target_latency=2x")
    assert ended.status == 0, ended.said
    (candidate,) = read_results()["candidates"]
    table = read_rows(Path("outputs/search/search/tables/0000.yaml")).table
    predicted = LatencyTable(known).predict(list_layers(network.build(table), network.size))
    assert candidate["latency"] == pytest.approx(predicted)


def write_base(path: Path, **change: Any) -> None:
    """Write Small's rows, changed."""
    path.write_text(format_table(TableFile(replace(TABLES["small"], **change), {})))


def test_a_network_around_which_some_are_too_large_is_refused_before_anything_is_written(
    search: Callable[..., Ended],
) -> None:
    write_base(Path("wide.yaml"), last=7000)
    ended = search("trials=1", "backbone=wide.yaml")
    assert ended.status == 2
    assert "backbone: the largest network of the space around it has last: 8752; expected an integer" in ended.said
    assert not Path("outputs").exists()


def test_a_study_of_other_rows_is_not_gone_on_with(search: Callable[..., Ended]) -> None:
    write_base(Path("rows.yaml"))
    assert search("trials=1", "finalists=0", "backbone=rows.yaml").status == 0
    write_base(Path("rows.yaml"), stem=24)
    ended = search("trials=2", "finalists=0", "backbone=rows.yaml")
    assert ended.status == 2
    assert re.search(r"backbone: table, rows \w+, but the study 'search' was begun with: table, rows", ended.said)


def test_layers_that_were_timed_before_a_refusal_are_of_their_runtime_alone(
    search: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert search("trials=1", "device=onnxruntime", "target_latency=0.01x").status == 2
    slow = Clock.measure
    monkeypatch.setattr(Clock, "measure", lambda self, module, shape: slow(self, module, shape) / 2)
    assert search("trials=1", "finalists=0", "device=torch").status == 0
    usual, other = (
        read_table(Path(f"outputs/search/search/latency_{device}_1.csv")) for device in ("onnxruntime", "torch")
    )
    assert all(other[name] == milliseconds / 2 for name, milliseconds in usual.items())
