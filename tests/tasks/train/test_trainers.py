from pathlib import Path

import pytest
import torch

from data.errors import InputError
from tasks.train import trainers
from tasks.train.preparation import build_loader, open_data
from tests.support.runs import small_run


@pytest.mark.parametrize(
    ("options", "device", "expected"),
    [
        ((), "cuda", True),
        ((), "cpu", False),
        ((), "mps", False),
        (("trainer.augment=loader",), "cuda", False),
        (("trainer.augment=device",), "cpu", True),
        (("trainer.augment=device", "overfit=4"), "cpu", False),  # nothing is changed at random
    ],
)
@pytest.mark.parametrize("task", ["ssdlite", "lraspp"])
def test_images_change_on_a_gpu_unless_one_says_otherwise(
    task: str, options: tuple[str, ...], device: str, expected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainers, "choose_device", lambda accelerator: torch.device(device))
    config = small_run(task, tmp_path / "run", *options)
    batch = next(iter(build_loader(open_data(config)[0], config)))
    assert (batch.mirrored is not None) == (batch.colors is not None) == expected


def test_a_task_whose_images_change_in_other_ways_keeps_them_with_the_loader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainers, "choose_device", lambda accelerator: torch.device("cuda"))
    assert build_loader(open_data(small_run("classify", tmp_path / "run"))[0], small_run("classify", tmp_path / "run"))
    with pytest.raises(InputError, match=r"trainer\.augment=device: not for classification; expected auto or loader"):
        small_run("classify", tmp_path / "run", "trainer.augment=device")
