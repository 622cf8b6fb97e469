"""What torchrun starts: commands that run as one process are not started as several."""

import os
import sys

import pytest

from data.errors import InputError
from tasks import torchrun

TWO = {"TORCHELASTIC_RUN_ID": "a", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}


def test_a_command_for_one_process_is_refused_as_several() -> None:
    torchrun.check_alone("doctor", {})
    torchrun.check_alone("doctor", {**TWO, "WORLD_SIZE": "1"})
    torchrun.check_alone("doctor", {"WORLD_SIZE": "2"})  # some other program's
    with pytest.raises(InputError, match=r"torchrun: tasks\.doctor runs as one process, not as 2"):
        torchrun.check_alone("doctor", TWO)


def test_the_number_of_processes_may_be_typed_if_it_is_the_one_that_torchrun_started() -> None:
    torchrun.check_devices(1, [], TWO)
    torchrun.check_devices(2, ["trainer.devices=2"], TWO)
    with pytest.raises(InputError, match=r"trainer\.devices: 3, but torchrun started 2 processes"):
        torchrun.check_devices(3, ["trainer.devices=3"], TWO)


def test_devices_become_processes_of_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []
    monkeypatch.setattr(os, "execv", lambda path, arguments: started.extend(arguments))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    torchrun.start("train", 2, ["task=ssdlite", "trainer.devices=2"])
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    assert started == [sys.executable, *launcher, "-m", "tasks.train", "task=ssdlite", "trainer.devices=2"]
