"""What one sees of a run: a line an epoch, pictures, numbers where they were wanted, the commands to go on with."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from data.errors import InputError
from tasks.cli.display import format_time
from tasks.cli.typed import option
from tasks.train.command import train
from tasks.train.loggers import build_loggers
from tasks.train.progress import Progress
from tests.support.commands import kept_state, run_command
from tests.support.runs import CONF, load_config, small_run
from tests.support.trained import Trained

pytestmark = pytest.mark.usefixtures("blank_figures")

METRICS = {"ssdlite": "mAP", "lraspp": "mIoU"}
PAGE = (CONF.parent / "docs/troubleshooting.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module", params=METRICS)
def run(request: pytest.FixtureRequest, trained: Callable[[str], Trained]) -> Trained:
    """Return the run of each task, with TensorBoard and pictures."""
    return trained(request.param)


def test_each_epoch_ends_with_one_line(run: Trained) -> None:
    lines = [line for line in run.said if line.startswith("epoch")]
    name = METRICS[run.task]
    pattern = (
        rf"epoch (\d)/3  loss \d+\.\d{{4}}  {name} (0\.\d{{4}})  best {name} (0\.\d{{4}}) \(epoch \d\)  [\d.]+ images/s"
    )
    found = [re.match(pattern, line) for line in lines]
    assert [match and match[1] for match in found] == ["1", "2", "3"], lines
    values = [float(match[2]) for match in found if match]
    assert float(found[-1][3]) == max(values)  # type: ignore[index]
    assert lines[-1].endswith("0:00:00 left")


def test_the_end_says_what_was_best_and_how_long_it_took(run: Trained) -> None:
    assert re.fullmatch(
        rf"best: {METRICS[run.task]} 0\.\d{{4}} in epoch [123] of 3; 0:\d\d:\d\d in total", run.said[-6]
    )
    assert run.said[-5] == "next:"


@pytest.mark.slow
def test_the_commands_at_the_end_work_as_they_stand(
    run: Trained,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    commands = [shlex.split(line) for line in run.said if line.startswith("  ")]
    names = [words[2].removeprefix("tasks.") for words in commands]
    assert names == ["evaluate", "predict", "compare", "tensorboard.main"]
    monkeypatch.chdir(tmp_path)
    for name, words in zip(names[:3], commands[:3], strict=True):
        ended = run_command(name, *words[3:], monkeypatch=monkeypatch, capsys=capsys)
        assert ended.status == 0, ended.said
    assert len(list(tmp_path.glob("outputs/evaluate/*/metrics.json"))) == 1
    assert len(list(tmp_path.glob("outputs/predict/*"))) == 1
    assert list(Path(commands[3][4]).glob("events.*"))


def test_tensorboard_has_pictures_of_the_same_images_every_so_many_epochs(run: Trained, tmp_path: Path) -> None:
    events = EventAccumulator(str(run.folder / "tensorboard"), size_guidance={"images": 0}).Reload()
    assert sorted(events.Tags()["images"]) == [f"val/image_{number}" for number in (1, 2, 3, 4)]
    steps = [event.step for event in events.Images("val/image_1")]
    assert steps == [2, 6]  # after epochs 1 and 3, of 2 steps each
    (tmp := tmp_path / "picture.png").write_bytes(events.Images("val/image_1")[0].encoded_image_string)
    width, height = Image.open(tmp).size
    assert width > 2 * height * 0.7 > 100  # two images side by side


def test_numbers_go_where_they_are_wanted(run: Trained, tmp_path: Path) -> None:
    assert not (run.plain / "tensorboard").exists()
    assert (run.plain / "logs/start_0/metrics.csv").is_file()
    train(small_run(run.task, tmp_path / "none", "logger=none", "trainer.max_epochs=1"))
    assert not (tmp_path / "none/logs").exists()
    assert not (tmp_path / "none/curves.png").exists()
    assert (tmp_path / "none/metrics.json").is_file()


@pytest.mark.parametrize(
    ("value", "kinds"),
    [
        ("csv", [CSVLogger]),
        ("tensorboard", [CSVLogger, TensorBoardLogger]),
        ("[tensorboard,csv]", [CSVLogger, TensorBoardLogger]),
        ("none", []),
    ],
)
def test_csv_files_are_written_unless_nothing_is(value: str, kinds: list[type[Logger]], tmp_path: Path) -> None:
    loggers = build_loggers(load_config("train", f"logger={value}").loggers, tmp_path)
    assert [type(logger) for logger in loggers] == kinds


@pytest.mark.parametrize(
    ("value", "message"), [("board", "unknown 'board'"), ("[none,csv]", "none alone"), ("mlflow", "pip install")]
)
def test_a_logger_that_cannot_be_is_refused(
    value: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.train.loggers.find_spec", lambda name: None)
    with pytest.raises(InputError, match=f"logger: .*{message}"):
        train(small_run("ssdlite", tmp_path / "run", f"logger={value}"))
    assert not (tmp_path / "run").exists()


def test_pictures_change_nothing_that_is_learned(run: Trained) -> None:
    one, two = (torch.load(f / "checkpoints/last.ckpt", weights_only=True) for f in (run.folder, run.plain))
    assert all(torch.equal(one["state_dict"][name], value) for name, value in two["state_dict"].items())


def test_the_best_epoch_outlives_a_restart() -> None:
    before, after = Progress("val/mAP", bar=False), Progress("val/mAP", bar=False)
    trainer = SimpleNamespace(current_epoch=4, callback_metrics={"val/mAP": torch.tensor(0.5)})
    before.on_validation_end(trainer, None)  # type: ignore[arg-type]
    after.load_state_dict(before.state_dict())
    assert after.best == (0.5, 5)
    trainer.callback_metrics["val/mAP"] = torch.tensor(0.25)
    after.on_validation_end(trainer, None)  # type: ignore[arg-type]
    assert after.best == (0.5, 5)


def test_options_are_quoted_where_hydra_or_a_shell_would_misread_them() -> None:
    assert option("source", "a/b-1.jpg") == "source=a/b-1.jpg"
    for path in ("my photos/a.jpg", "a=b.jpg", "it's.jpg", "(1),[2].jpg"):
        (typed,) = shlex.split(option("source", path))
        assert load_config("predict", "checkpoint=x", typed).source == path


def test_times_read_as_hours_minutes_seconds() -> None:
    assert [format_time(seconds) for seconds in (0, 99.6, 3661)] == ["0:00:00", "0:01:40", "1:01:01"]


@pytest.mark.slow
def test_ctrl_c_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    start = Progress.on_train_epoch_start

    def interrupt(self: Progress, trainer: Any, module: Any) -> None:
        if trainer.current_epoch == 1:
            raise KeyboardInterrupt
        start(self, trainer, module)

    monkeypatch.setattr(Progress, "on_train_epoch_start", interrupt)
    with kept_state(), pytest.raises(KeyboardInterrupt) as stopped:
        train(small_run("ssdlite", tmp_path / "run"))
    assert str(stopped.value).startswith("to go on from the last checkpoint: ")
    assert "stopped: to go on from the last checkpoint: " in PAGE
    monkeypatch.setattr(Progress, "on_train_epoch_start", start)
    words = shlex.split(str(stopped.value).split(": ", 1)[1])
    ended = run_command("train", *words[3:], monkeypatch=monkeypatch, capsys=capsys)
    assert ended.status == 0, ended.said
    assert (tmp_path / "run/metrics.json").is_file()
