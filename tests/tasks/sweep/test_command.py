"""The command as a whole, with trainings that are none: what it refuses, and what it writes."""

import html
import json
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.trials import driver, session
from tasks.trials.training import compose_training
from tests.support.commands import Ended, run_command
from tests.support.trial_runs import Training

SPACE = "lr: {low: 0.01, high: 0.5}\noptimizer.momentum: [0.8, 0.9]\n"


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Return a function that runs the command in an empty folder, on a file with this text."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(driver, "PAUSE", 0.0)
    monkeypatch.setattr(session, "choose_launch", lambda settings: Training)

    def run(*options: str, space: str = SPACE) -> Ended:
        Path("space.yaml").write_text(space)
        given = ("space=space.yaml", "backbone=small", "dataset.root='my scenes'", "pruner=none", *options)
        return run_command("sweep", *given, monkeypatch=monkeypatch, capsys=capsys)

    return run


def read_page() -> str:
    return Path("outputs/sweep/sweep/report.html").read_text()


def test_a_page_has_the_best_first_each_with_a_command_that_trains_it_again(sweep: Callable[..., Ended]) -> None:
    ended = sweep("trials=5", "jobs=2")
    assert ended.status == 0, ended.said
    results: dict[str, Any] = json.loads(Path("outputs/sweep/sweep/trials.json").read_text())
    trials = sorted(results["trials"], key=lambda trial: -trial["value"])
    commands = [html.unescape(text) for text in re.findall(r"<pre>(.*?)</pre>", read_page())]
    assert commands == [trial["command"] for trial in trials]
    for trial, text in zip(trials, commands, strict=True):
        words = shlex.split(text)
        assert words[1:3] == ["-m", "tasks.train"]
        config = compose_training(words[3:])
        assert config.recipe.lr == trial["value"]
        assert str(config.dataset.root) == "my scenes"
    assert set(results["importance"]) == {"lr", "optimizer.momentum"}
    assert sum(results["importance"].values()) == pytest.approx(1)
    assert trials[0]["command"] in ended.said
    assert f"best: trial {trials[0]['number']}" in ended.said


@pytest.mark.slow
def test_the_same_command_goes_on_and_says_what_there_is(sweep: Callable[..., Ended]) -> None:
    sweep("trials=2")
    again = sweep("trials=2")
    assert again.status == 0
    assert "starts" not in again.said
    more = sweep("trials=3")
    assert re.findall(r"trial (\d) starts", more.said) == ["2"]


def test_failed_trials_are_listed_with_their_reason_and_stop_nothing(
    sweep: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing(Training):
        def poll(self) -> int | None:
            odd = int(self.out.parent.name) % 2
            return self.end(1, "error: out of <memory>") if odd else super().poll()

    monkeypatch.setattr(session, "choose_launch", lambda settings: Failing)
    ended = sweep("trials=4")
    assert ended.status == 0
    assert ended.said.count("failed: status 1: error: out of <memory>") == 4  # when it happens, and at the end
    assert read_page().count("error: out of &lt;memory&gt;") == 2


def test_a_sweep_of_which_nothing_comes_to_its_end_fails(
    sweep: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing(Training):
        def poll(self) -> int | None:
            return self.end(1, "error: the loss is nan")

    monkeypatch.setattr(session, "choose_launch", lambda settings: Failing)
    ended = sweep("trials=2")
    assert ended.status == 1
    assert "error: none of 2 trials came to its end; outputs/sweep/sweep/report.html says why" in ended.said


@pytest.mark.parametrize(
    ("options", "space", "said"),
    [
        ((), "lr: [0.1, -1]", "space: lr=-1: lr: -1; expected a number above 0"),
        ((), "backbone_: [small, large]", "backbone_: there is no such option"),
        ((), "optimizer: [sgd, adam]", "space: optimizer=adam: optimizer=adam: no such choice"),
        ((), "task: [ssdlite, lraspp]", "space: task=lraspp: judged by mIoU; expected trainings by mAP alone"),
        (("resume=x",), SPACE, "resume=x: no training to search over"),
        (("overfit=8",), SPACE, "overfit=8: no training to search over"),
        (("logger=none",), SPACE, "logger=none: nothing to tell by how a trial goes"),
        (("storage=here",), SPACE, "storage: 'here' is no URL of a database"),
        (("storage='postgresql://me:secret@localhost:1/x'",), SPACE, "postgresql+psycopg://me:***@localhost:1/x"),
        (("out=.",), SPACE, "exists and is not empty"),
        (("lr=0.1",), SPACE, "lr: on the command line, too"),
    ],
)
def test_what_is_wrong_is_said_before_anything_starts(
    options: tuple[str, ...], space: str, said: str, sweep: Callable[..., Ended]
) -> None:
    ended = sweep(*options, space=space)
    assert ended.status == 2
    assert said in ended.said
    assert "secret" not in ended.said
    assert not list(Path().glob("**/run"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "space", "said"),
    [
        ((), SPACE.replace("0.5", "0.6"), "lr: 0.01 to 0.6, but the study 'sweep' was begun with: 0.01 to 0.5"),
        (("seed=3",), SPACE, "seed: 3, but the study 'sweep' was begun with: not given"),
        (("study=other", "out=outputs/sweep/sweep"), SPACE, "is not the folder of the study 'other'"),
        (("storage=sqlite:///other.db",), SPACE, "is not the folder of the study 'sweep' in this storage"),
    ],
)
def test_a_study_of_another_search_is_not_gone_on_with(
    options: tuple[str, ...], space: str, said: str, sweep: Callable[..., Ended]
) -> None:
    sweep("trials=1")
    ended = sweep("trials=2", *options, space=space)
    assert ended.status == 2
    assert said in ended.said


def test_a_missing_package_is_named_with_what_installs_it(
    sweep: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    ended = sweep("engine=ray")
    assert ended.status == 2
    assert ended.said == "error: ray is not installed; pip install 'bneck[ray]' does it\n"
