"""What the folder of a trial tells: scores as they come, the result, the reason of an end."""

import json
from pathlib import Path

import pytest

from tasks.trials.folder import TrialFolder


def write_log(folder: TrialFolder, start: int, *rows: str) -> None:
    path = folder.run / f"logs/start_{start}/metrics.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["epoch,step,train/loss,val/mAP", *rows]) + "\n")


def test_scores_are_read_as_they_come_and_over_all_starts(tmp_path: Path) -> None:
    folder = TrialFolder(tmp_path, 7)
    assert folder.read_scores("mAP") == []
    write_log(folder, 0, "0,4,1.5,", "0,5,,0.25", "1,9,1.2,", "1,10,,nan")
    assert folder.read_scores("mAP") == [(1, 0.25)]
    write_log(folder, 1, "1,10,,0.5", "2,15,,0.75", "3,")
    assert folder.read_scores("mAP") == [(1, 0.25), (2, 0.5), (3, 0.75)]
    assert folder.read_scores("mIoU") is folder.read_scores("mAP")  # of one folder one metric is asked for


@pytest.mark.parametrize(
    ("content", "value"),
    [('{"mAP": 0.5}', 0.5), ('{"mAP": null}', None), ('{"mIoU": 1}', None), ("[]", None), ("{", None), (None, None)],
)
def test_the_result_is_the_metric_of_the_run_or_none(content: str | None, value: float | None, tmp_path: Path) -> None:
    folder = TrialFolder(tmp_path, 0)
    folder.run.mkdir(parents=True)
    if content is not None:
        (folder.run / "metrics.json").write_text(content)
    assert folder.read_result("mAP") == value


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("training\nerror: out of memory\nWarning: leaked\n", "error: out of memory"),
        ("a\nTraceback\n  killed it  \n\n", "killed it"),
        ("", "it said nothing"),
        (None, "it said nothing"),
        ("x" * 100_000 + "\nerror: late", "error: late"),
    ],
)
def test_the_reason_of_an_end_is_what_was_said_last(said: str | None, reason: str, tmp_path: Path) -> None:
    folder = TrialFolder(tmp_path, 0)
    folder.path.mkdir(parents=True)
    if said is not None:
        folder.log.write_text(said)
    assert folder.find_reason() == reason


def test_a_run_is_gone_on_with_once_it_has_a_checkpoint(tmp_path: Path) -> None:
    folder = TrialFolder(tmp_path, 12)
    assert folder.path == tmp_path / "trials/0012"
    (folder.run / "checkpoints").mkdir(parents=True)
    (folder.run / "config.yaml").write_text(json.dumps({}))
    assert not folder.resumes
    (folder.run / "checkpoints/.bneck-part-1.ckpt").touch()
    assert not folder.resumes
    (folder.run / "checkpoints/last.ckpt").touch()
    assert folder.resumes
