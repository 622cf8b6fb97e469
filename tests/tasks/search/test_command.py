"""The command as a whole, with trainings that are none, and layers whose time is said."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from backbones.tables import TABLES
from tasks.latency.runtimes import Clock
from tasks.models.table_file import read_table
from tasks.search.blocks import Space
from tasks.trials import driver, session
from tests.support.commands import Ended, run_command
from tests.support.trial_runs import Training


class Sized(Training):
    """Its metric is that of a network with so many rows, and higher if trained in full."""

    metric = "mIoU"

    def __init__(self, options: Sequence[str], log: Path, slot: int) -> None:
        super().__init__([*options, "lr=0.5"], log, slot)
        values = json.loads((self.out / "config.yaml").read_text())
        self.rows = read_table(Path(values["backbone"])).table.rows
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
        table = read_table(Path(f"outputs/search/search/tables/{candidate['number']:04d}.yaml")).table
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
    table = read_table(Path("outputs/search/search/tables/0000.yaml")).table
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
