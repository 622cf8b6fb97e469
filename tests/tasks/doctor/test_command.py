import json
import sys

import pytest

from tasks.doctor.__main__ import main
from tests.support.defects import COCO_DEFECTS
from tests.support.sound_sets import COCO, MASKS, SIDE, write_coco, write_masks


@pytest.fixture
def run(tmp_path, capsys, monkeypatch):
    """Return a function that runs the command, and returns its exit status and what it printed."""

    def start(*options):
        monkeypatch.setattr(sys, "argv", ["doctor", *options, f"out={tmp_path / 'out'}", "dataset.workers=1"])
        status = 0
        try:
            main()
        except SystemExit as ended:
            status = ended.code
        return status, *capsys.readouterr()

    return start


def test_the_command_says_that_training_may_start_and_writes_report_and_pictures(tmp_path, run):
    write_coco(tmp_path / "set")
    status, printed, said = run(*COCO, f"dataset.root={tmp_path / 'set'}")
    assert status == 0, said
    assert "Training may start: nothing found." in printed
    assert "\x1b" not in printed
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == ["boxes.png", "classes.png", "report.json", "samples_train.jpg", "samples_val.jpg"]
    report = json.loads((tmp_path / "out/report.json").read_text())
    assert report["may_train"] is True
    assert report["splits"]["train"]["labels"]["classes"]["bus"] == {"images": 12, "count": 12, "share": 0.5}
    assert report["splits"]["val"]["boxes"]["medium"] == 20
    assert report["splits"]["train"]["images"]["formats"] == {"PNG RGB": 12}


def test_the_command_exits_with_1_for_errors_and_says_where_they_are(tmp_path, run):
    root = write_coco(tmp_path / "set")
    COCO_DEFECTS["a truncated image"][0](root)
    COCO_DEFECTS["a near copy in val"][0](root)
    status, printed, _ = run(*COCO, f"dataset.root={root}")
    assert status == 1
    assert f"error: unreadable image\n    {root}/train/train_03.png: " in printed
    assert "Training cannot start: 1 error, 1 warning." in printed
    report = json.loads((tmp_path / "out/report.json").read_text())
    assert report["counts"] == {"error": 1, "warning": 1, "note": 0}
    assert report["pairs"][0]["paths"] == [str(root / "train/train_02.png"), str(root / "val/val_02.png")]
    assert (tmp_path / "out/duplicates.jpg").is_file()


def test_the_command_exits_with_1_where_nothing_can_be_opened(tmp_path, run):
    (tmp_path / "set").mkdir()
    status, printed, _ = run(*COCO, f"dataset.root={tmp_path / 'set'}")
    assert status == 1
    assert "split that cannot be opened (2)" in printed
    assert json.loads((tmp_path / "out/report.json").read_text())["splits"] == {}


def test_the_report_on_masks_has_their_pixels(tmp_path, run):
    write_masks(tmp_path / "set")
    status, printed, said = run(*MASKS, f"dataset.root={tmp_path / 'set'}")
    assert status == 0, said
    assert "ignored" in printed
    split = json.loads((tmp_path / "out/report.json").read_text())["splits"]["val"]
    assert split["labels"]["classes"]["car"] == {"images": 10, "count": 10 * SIDE * SIDE // 2, "share": 0.5}
    assert split["ignored"] == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("dataset=coco", "dataset.root=/nowhere"), "dataset.root: /nowhere: not there"),
        (("dataset=masks",), "dataset=masks is not for detection"),
        (("decode=7",), "decode: 7; expected true or false"),
        (("size=5",), "size: 5; expected"),
    ],
)
def test_wrong_usage_exits_with_2_and_writes_nothing(tmp_path, run, options, said):
    status, _, message = run(*options)
    assert status == 2
    assert said in message
    assert not (tmp_path / "out").exists()
