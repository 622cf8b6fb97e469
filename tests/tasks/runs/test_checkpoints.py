import logging
from pathlib import Path

import pytest
import torch

from data.errors import InputError
from tasks.models.seals import pack_checkpoint
from tasks.runs.checkpoints import NEEDED, find_newest


def write(out: Path, **steps: int) -> Path:
    """Write checkpoints of these steps into a run's folder, and return the folder."""
    (out / "checkpoints").mkdir(exist_ok=True)
    for name, step in steps.items():
        content = {"state_dict": {"a": torch.ones(9)}, "bneck": {}, "global_step": step, **{key: [1] for key in NEEDED}}
        (out / f"checkpoints/{name}.ckpt").write_bytes(pack_checkpoint(content))
    return out


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(("best", "last", "name"), [(3, 5, "last"), (5, 5, "last"), (5, 3, "best")])
def test_the_newest_is_of_the_highest_step_and_the_last_of_two(best: int, last: int, name: str, tmp_path: Path) -> None:
    assert find_newest(write(tmp_path, best=best, last=last)).stem == name


def test_a_damaged_one_is_named_and_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(tmp_path, best=3, last=5)
    (tmp_path / "checkpoints/.bneck-part-0123.ckpt").write_bytes(b"half")
    last = tmp_path / "checkpoints/last.ckpt"
    damage(last)
    with caplog.at_level(logging.WARNING):
        newest = find_newest(tmp_path)
    assert newest.stem == "best"
    assert [record.getMessage() for record in caplog.records] == [
        f"passed over: {last}: damaged: it is not as it was written (its SHA-256 is another); expected a copy that is "
        "whole",
        f"{newest}, of step 3, the newest that is whole, takes its place",
    ]


def test_without_a_whole_one_each_is_named_with_what_is_wrong(tmp_path: Path) -> None:
    write(tmp_path, best=3)
    damage(tmp_path / "checkpoints/best.ckpt")
    (tmp_path / "checkpoints/empty.ckpt").touch()
    with pytest.raises(InputError) as caught:
        find_newest(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path} holds no checkpoint that is whole: ")
    for fault in ("best.ckpt: damaged", "empty.ckpt: not a checkpoint"):
        assert fault in str(caught.value)


def test_weights_without_what_a_run_goes_on_with_are_refused(tmp_path: Path) -> None:
    last = write(tmp_path, best=3) / "checkpoints/last.ckpt"
    for content, missing in (
        ({}, "loops, callbacks, optimizer_states, lr_schedulers"),
        ({"loops": 1}, "callbacks, opt"),
    ):
        torch.save({"state_dict": {"a": torch.ones(3)}, **content}, last)
        with pytest.raises(InputError, match=f"^resume: {last} holds no {missing}.*; weights={last} starts a new run"):
            find_newest(tmp_path)
